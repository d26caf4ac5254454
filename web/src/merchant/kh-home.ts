import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { DeskView } from "../protocol/messages";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { clock, say, when } from "../words";
import { api, type CallSummary, type Me, type Person } from "./api";

/**
 * The console at rest: the switch first, then what was missed, then today's calls.
 *
 * @fires duty - `detail` is whether to be on duty
 * @fires sign-out - `detail` is whether everywhere
 */
@customElement("kh-home")
export class KhHome extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        min-height: 100dvh;
      }
      main {
        width: min(100%, 1120px);
        margin: 0 auto;
        padding: 20px 16px 48px;
        display: grid;
        gap: 20px;
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
      }
      .panel {
        background: var(--sheet);
        border-radius: var(--radius-sheet);
        padding: 24px;
        box-shadow: inset 0 0 0 1px var(--line);
        display: grid;
        gap: 16px;
        align-content: start;
        min-width: 0;
      }
      .duty {
        justify-items: center;
        text-align: center;
        padding: 32px 24px;
      }
      .duty.on {
        background: var(--jade-soft);
        box-shadow: inset 0 0 0 2px var(--jade);
      }
      .state {
        display: flex;
        align-items: center;
        gap: 10px;
        font-size: var(--text-xl);
        font-weight: 650;
        line-height: 1.3;
      }
      .dot {
        width: 14px;
        height: 14px;
        border-radius: 50%;
        background: var(--ink-soft);
      }
      .on .dot {
        background: var(--jade);
      }
      .counts {
        display: flex;
        gap: 8px 20px;
        flex-wrap: wrap;
        justify-content: center;
      }
      ol {
        display: grid;
      }
      li {
        display: grid;
        grid-template-columns: auto 1fr auto;
        gap: 2px 14px;
        align-items: center;
        padding: 12px 0;
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
      li img,
      li .thing {
        width: 52px;
        height: 52px;
        border-radius: var(--radius);
        object-fit: cover;
        background: var(--paper);
        display: grid;
        place-items: center;
        color: var(--ink-soft);
      }
      li div {
        min-width: 0;
      }
      li strong {
        display: block;
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .missed strong {
        color: var(--red);
      }
      .settings {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .person {
        display: flex;
        justify-content: space-between;
        align-items: center;
      }
      code {
        overflow-wrap: anywhere;
        background: var(--paper);
        padding: 10px;
        border-radius: var(--radius);
        font-size: var(--text-xs);
        display: block;
      }
      @media (width >= 900px) {
        main {
          grid-template-columns: 400px 1fr;
          padding-top: 32px;
        }
        header {
          grid-column: 1 / -1;
        }
        .left,
        .right {
          display: grid;
          gap: 20px;
          align-content: start;
        }
      }
      .left,
      .right {
        display: grid;
        gap: 20px;
        align-content: start;
        min-width: 0;
      }
    `,
  ];

  @property({ attribute: false }) me: Me | null = null;
  @property({ attribute: false }) desk: DeskView | null = null;
  @property({ type: Boolean }) duty = false;
  @property({ type: Boolean }) lineUp = false;
  @property({ attribute: false }) calls: readonly CallSummary[] = [];
  @property({ type: Number }) now = 0;
  @state() private link = "";
  @state() private colleagues: readonly Person[] | null = null;
  @state() private passkeyAdded = false;

  override render(): TemplateResult {
    const missed = this.calls.filter(({ reason, answered_at: at }) => reason !== undefined && at === undefined);
    return html`<main>
      <header>
        <div>
          <h1 tabindex="-1">${this.me?.merchant.name}</h1>
          <p class="soft">${this.me?.agent.name}</p>
        </div>
        ${this.lineUp ? nothing : html`<p class="notice" role="status">${say("no_line")}</p>`}
      </header>
      <div class="left">${this.#duty()} ${this.#settings()}</div>
      <div class="right">
        ${missed.length === 0
          ? nothing
          : html`<section class="panel"><h2>${say("missed")}</h2><ol>${missed.slice(0, 5).map((call) => this.#row(call))}</ol></section>`}
        <section class="panel">
          <h2>${say("today")}</h2>
          ${this.calls.length === 0
            ? html`<p class="soft">${say("no_calls")}</p>`
            : html`<ol>${this.calls.map((call) => this.#row(call))}</ol>`}
        </section>
      </div>
    </main>`;
  }

  #duty(): TemplateResult {
    const { duty, desk } = this;
    return html`<section class="panel duty ${duty ? "on" : ""}">
      <p class="state" role="status"><span class="dot"></span>${say(duty ? "duty_on" : "duty_off")}</p>
      <p class="soft">${say(duty ? "keep_open" : "off_hint")}</p>
      <button class="${duty ? "plain" : "act"} wide" id="duty" aria-pressed=${duty} @click=${() => this.#tell("duty", !duty)}>
        ${say(duty ? "go_off_duty" : "go_on_duty")}
      </button>
      ${desk === null
        ? nothing
        : html`<p class="counts soft">
            <span>${desk.waiting === 0 ? say("nobody_waiting") : say("waiting_now", { count: desk.waiting })}</span>
            <span>${say("colleagues_on", { count: desk.on_duty })}</span>
          </p>`}
    </section>`;
  }

  #row(call: CallSummary): TemplateResult {
    const missed = call.reason !== undefined && call.answered_at === undefined;
    const length = call.connected_at !== undefined && call.ended_at !== undefined ? clock(call.ended_at - call.connected_at) : "";
    const facts = [
      call.reason === undefined ? say("going_on") : say(`reason_${call.reason}`),
      length,
      call.agent?.name ?? "",
      call.stars === undefined ? "" : say("stars", { stars: call.stars }),
      call.note ?? "",
    ].filter((fact) => fact !== "");
    return html`<li class=${missed ? "missed" : ""}>
      ${call.card.picture === null
        ? html`<span class="thing"><kh-icon name=${missed ? "missed" : "phone"}></kh-icon></span>`
        : html`<img src=${call.card.picture} alt="" loading="lazy" />`}
      <div><strong>${call.card.title}</strong><span class="soft small">${facts.join(" · ")}</span></div>
      <time class="soft small" datetime=${new Date(call.asked_at).toISOString()}>${when(call.asked_at, this.now)}</time>
    </li>`;
  }

  #settings(): TemplateResult {
    const owner = this.me?.agent.role === "owner";
    return html`<section class="panel">
      <h2>${say("open_settings")}</h2>
      ${owner
        ? html`<div class="stack">
            ${(this.colleagues ?? []).map(
              (person) => html`<p class="person">
                <span>${person.name} <span class="soft small">${say(person.role === "owner" ? "owner" : "agent")}</span></span>
                ${person.id === this.me?.agent.id
                  ? nothing
                  : html`<button class="link" @click=${() => void this.#remove(person.id)}>${say("remove")}</button>`}
              </p>`,
            )}
            ${this.link === "" ? nothing : html`<p>${say("invite_link")}<code>${this.link}</code></p>`}
          </div>`
        : nothing}
      <div class="settings">
        ${owner
          ? html`<button class="plain" @click=${() => void this.#invite()}>
              <kh-icon name="invite"></kh-icon>${say("invite")}
            </button>`
          : nothing}
        <button class="plain" @click=${() => void this.#passkey()}>
          <kh-icon name="key"></kh-icon>${say(this.passkeyAdded ? "passkey_added" : "add_passkey")}
        </button>
        <button class="plain" @click=${() => this.#tell("sign-out", false)}>
          <kh-icon name="leave"></kh-icon>${say("sign_out")}
        </button>
        <button class="link" @click=${() => this.#tell("sign-out", true)}>${say("sign_out_everywhere")}</button>
      </div>
    </section>`;
  }

  override firstUpdated(): void {
    if (this.me?.agent.role === "owner") void this.#list();
  }

  async #list(): Promise<void> {
    this.colleagues = await api.colleagues();
  }

  async #invite(): Promise<void> {
    this.link = (await api.invite()).link;
  }

  async #remove(agent: string): Promise<void> {
    await api.remove(agent);
    await this.#list();
  }

  async #passkey(): Promise<void> {
    try {
      await api.addPasskey();
      this.passkeyAdded = true;
    } catch {
      // the person closed the browser's own dialog, which has said why
    }
  }

  #tell(type: string, detail: boolean): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
