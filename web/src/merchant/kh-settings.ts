import { browserSupportsWebAuthn } from "@simplewebauthn/browser";
import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { say } from "../words";
import { api, type Me, type Person } from "./api";
import "./kh-reach";
import "./kh-robots";
import type { Tried } from "./kh-reach";
import type { ReachState } from "./reach";

/**
 * Who may answer for the shop, and the ways in and out.
 *
 * @fires sign-out - `detail` is whether everywhere
 */
@customElement("kh-settings")
export class KhSettings extends LitElement {
  static override styles = [
    shared,
    css`
      section {
        background: var(--sheet);
        border-radius: var(--radius-sheet);
        padding: 24px;
        box-shadow: inset 0 0 0 1px var(--line);
        display: grid;
        gap: 16px;
      }
      .acts {
        display: grid;
        gap: 8px;
      }
      .acts button {
        justify-content: flex-start;
        min-height: 52px;
        font-size: var(--text);
      }
      .person {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        align-items: center;
        min-height: var(--target);
      }
      .person .end {
        padding: 0 16px;
      }
      code {
        overflow-wrap: anywhere;
        background: var(--paper);
        padding: 10px;
        border-radius: var(--radius);
        font-size: var(--text-xs);
        display: block;
        margin-block: 8px;
        user-select: all;
      }
      @media (width < 900px) {
        section {
          padding: 20px 16px;
        }
      }
    `,
  ];

  @property({ attribute: false }) me: Me | null = null;
  /** How many are on duty: where that changes, a colleague may have come or gone. */
  @property({ type: Number }) present = 0;
  @property() reach: ReachState = "unknown";
  @property() tried: Tried = "no";
  @state() private colleagues: readonly Person[] = [];
  @state() private removing: string | null = null;
  @state() private link = "";
  @state() private copied = false;
  @state() private passkeyAdded = false;
  @state() private failed = false;

  override render(): TemplateResult {
    const byLink = this.me?.by_link === true;
    const owner = this.#keeps();
    return html`<section>
      <h2>${say("open_settings")}</h2>
      <kh-reach state=${this.reach} tried=${this.tried}></kh-reach>
      ${byLink ? html`<p class="notice">${say("by_link")}</p>` : html`<kh-robots ?owner=${owner}></kh-robots>`}
      ${owner ? this.#people() : nothing}
      <div class="acts">
        ${browserSupportsWebAuthn() && !byLink
          ? html`<button class="plain" ?disabled=${this.passkeyAdded} @click=${() => void this.#passkey()}>
              <kh-icon name="key"></kh-icon>${say(this.passkeyAdded ? "passkey_added" : "add_passkey")}
            </button>`
          : nothing}
        <button class="plain" @click=${() => this.#leave(false)}><kh-icon name="leave"></kh-icon>${say("sign_out")}</button>
        <button class="plain" @click=${() => this.#leave(true)}>
          <kh-icon name="leave"></kh-icon>${say("sign_out_everywhere")}
        </button>
      </div>
      ${this.failed ? html`<p class="notice" role="alert">${say("went_wrong")}</p>` : nothing}
    </section>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("present") && this.#keeps()) void this.#try(() => this.#list());
  }

  /** Whether she may change who answers for the shop. */
  #keeps(): boolean {
    return this.me?.agent.role === "owner" && !this.me.by_link;
  }

  #people(): TemplateResult {
    return html`<div>
        <h3>${say("colleagues")}</h3>
        <ul>
          ${this.colleagues.map((person) => this.#person(person))}
        </ul>
      </div>
      ${this.link === ""
        ? html`<div class="acts">
            <button class="plain" id="invite" @click=${() => void this.#try(async () => (this.link = (await api.invite()).link))}>
              <kh-icon name="invite"></kh-icon>${say("invite")}
            </button>
          </div>`
        : html`<div role="status">
            <p class="small">${say("invite_link")}</p>
            <code>${this.link}</code>
            <button class="plain wide" @click=${() => void this.#copy()}>${say(this.copied ? "invite_copied" : "copy_invite")}</button>
          </div>`}`;
  }

  #person(person: Person): TemplateResult {
    const own = person.id === this.me?.agent.id;
    const sure = this.removing === person.id;
    return html`<li class="person">
      <span>${person.name} <span class="soft small">${say(person.role === "owner" ? "owner" : "agent")}</span></span>
      ${own || person.vouched
        ? nothing
        : html`<button class=${sure ? "end" : "link"} @click=${() => void this.#try(() => this.#remove(person.id))}>
            ${sure ? say("remove_really", { name: person.name }) : say("remove")}
          </button>`}
    </li>`;
  }

  async #list(): Promise<void> {
    this.colleagues = await api.colleagues();
  }

  /** A colleague is removed by the second tap: the first asks whether it was meant. */
  async #remove(agent: string): Promise<void> {
    if (this.removing !== agent) {
      this.removing = agent;
      return;
    }
    this.removing = null;
    await api.remove(agent);
    await this.#list();
  }

  async #copy(): Promise<void> {
    await this.#try(() => navigator.clipboard.writeText(this.link));
    this.copied = !this.failed;
  }

  async #passkey(): Promise<void> {
    try {
      await api.addPasskey();
      this.passkeyAdded = true;
    } catch {
      // the person closed the browser's own dialog, which has said why
    }
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.failed = false;
    } catch {
      this.failed = true;
    }
  }

  #leave(everywhere: boolean): void {
    this.dispatchEvent(new CustomEvent("sign-out", { detail: everywhere }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-settings": KhSettings;
  }
}
