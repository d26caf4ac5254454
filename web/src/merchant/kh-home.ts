import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { LineState } from "../core";
import type { DeskView } from "../protocol/messages";
import "../ui/kh-icon";
import { memory } from "../ui/memory";
import { shared } from "../ui/styles";
import { say, type Word } from "../words";
import type { CallSummary, Me } from "./api";
import "./kh-calls";
import type { ReachAct, Tried } from "./kh-reach";
import "./kh-settings";
import type { ReachState } from "./reach";

/** A telephone puts a page to sleep that is not in front; a desk's browser does not. */
const DECLINED = "kanhuo-reach-declined";

const KEEP: Word = matchMedia("(pointer: coarse)").matches ? "keep_in_front" : "keep_open";

/**
 * The console at rest: the switch first, then what was missed, then the calls day by day.
 *
 * @fires duty - `detail` is whether to be on duty
 * @fires unlock - the ring may sound from now on
 * @fires sign-out - `detail` is whether everywhere
 * @fires reach - `detail` is a `ReachAct`
 * @fires connect - the line was closed for good and is wanted again
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
        grid-template: "head" "duty" "calls" "settings" / minmax(0, 1fr);
      }
      header {
        grid-area: head;
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: 12px;
      }
      .duty {
        grid-area: duty;
        border-radius: var(--radius-sheet);
        box-shadow: inset 0 0 0 1px var(--line);
        background: var(--sheet);
        display: grid;
        gap: 16px;
        justify-items: center;
        text-align: center;
        padding: 28px 24px;
      }
      .duty.on {
        background: var(--jade-soft);
        box-shadow: inset 0 0 0 2px var(--jade);
      }
      .duty.on .soft {
        color: var(--ink);
      }
      kh-calls {
        grid-area: calls;
      }
      kh-settings {
        grid-area: settings;
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
      .offer {
        display: grid;
        gap: 8px;
        justify-items: center;
        background: var(--sheet);
        border-radius: var(--radius);
        box-shadow: inset 0 0 0 1px var(--line);
        padding: 16px;
        width: 100%;
      }
      .what {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 650;
      }
      .offer .small {
        color: var(--ink-soft);
      }
      .pair {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: 4px 12px;
      }
      .counts {
        display: flex;
        gap: 8px 20px;
        flex-wrap: wrap;
        justify-content: center;
      }
      .counts .some {
        color: var(--amber);
        font-weight: 650;
      }
      .notice {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: center;
        gap: 4px 12px;
      }
      @media (width >= 900px) {
        main {
          grid-template: "head head" "duty calls" "settings calls" 1fr / 400px minmax(0, 1fr);
          padding-top: 32px;
        }
        kh-settings {
          align-self: start;
        }
      }
    `,
  ];

  @property({ attribute: false }) me: Me | null = null;
  @property({ attribute: false }) desk: DeskView | null = null;
  @property({ type: Boolean }) duty = false;
  /** The ring was not unlocked by a click on this page. */
  @property({ type: Boolean }) silent = false;
  @property() line: LineState = "connecting";
  /** Whether this device rings with the page closed. */
  @property() reach: ReachState = "unknown";
  @property() tried: Tried = "no";
  @state() private declined = memory.get(DECLINED) !== undefined;
  @property({ attribute: false }) calls: readonly CallSummary[] = [];
  @property({ type: Number }) now = 0;

  override render(): TemplateResult {
    return html`<main>
      <header>
        <div>
          <h1 tabindex="-1">${this.me?.merchant.name}</h1>
          <p class="soft">${this.me?.agent.name}</p>
        </div>
        ${this.#line()}
      </header>
      ${this.#duty()}
      <kh-calls .calls=${this.calls} now=${this.now}></kh-calls>
      <kh-settings
        .me=${this.me}
        present=${this.desk?.on_duty ?? 0}
        reach=${this.reach}
        tried=${this.tried}
        @sign-out=${(event: CustomEvent<boolean>) => this.#tell("sign-out", event.detail)}
      ></kh-settings>
    </main>`;
  }

  override focus(): void {
    this.renderRoot.querySelector<HTMLElement>("h1")?.focus();
  }

  #line(): TemplateResult | typeof nothing {
    if (this.line === "reconnecting") return html`<p class="notice" role="status">${say("no_line")}</p>`;
    if (this.line !== "closed" && this.line !== "refused") return nothing;
    return html`<p class="notice" role="alert">
      ${say("line_closed")}<button class="link" @click=${() => this.#tell("connect", true)}>${say("connect_again")}</button>
    </p>`;
  }

  #duty(): TemplateResult {
    const { duty, desk } = this;
    return html`<section class="duty ${duty ? "on" : ""}">
      <p class="state" role="status"><span class="dot"></span>${say(duty ? "duty_on" : "duty_off")}</p>
      <p class="soft">${say(duty ? (this.reach === "on" ? "keep_closed" : KEEP) : (desk?.on_duty ?? 0) > 0 ? "off_others" : "off_hint")}</p>
      ${duty && this.silent
        ? html`<p class="notice">
            ${say("ring_silent")}<button class="link" @click=${() => this.#tell("unlock", true)}>${say("ring_unlock")}</button>
          </p>`
        : nothing}
      <button class="${duty ? "plain" : "act"} wide" id="duty" @click=${() => this.#tell("duty", !duty)}>
        ${say(duty ? "go_off_duty" : "go_on_duty")}
      </button>
      ${duty && !this.declined && (this.reach === "off" || this.reach === "busy") ? this.#offer() : nothing}
      ${desk === null
        ? nothing
        : html`<p class="counts soft">
            <span class=${desk.waiting === 0 ? "" : "some"}>
              ${desk.waiting === 0 ? say("nobody_waiting") : say("waiting_now", { count: desk.waiting })}
            </span>
            <span>${say("colleagues_on", { count: desk.on_duty })}</span>
          </p>`}
    </section>`;
  }

  #offer(): TemplateResult {
    return html`<div class="offer" id="reach-offer">
      <p class="what"><kh-icon name="ring"></kh-icon>${say("reach_title")}</p>
      <p class="small soft">${say("reach_why")}</p>
      <div class="pair">
        <button class="act" id="reach-offer-on" ?disabled=${this.reach === "busy"} @click=${() => this.#tell("reach", "on")}>${say("reach_on")}</button>
        <button class="link" id="reach-offer-later" @click=${this.#decline}>${say("later")}</button>
      </div>
    </div>`;
  }

  readonly #decline = (): void => {
    memory.set(DECLINED, "yes");
    this.declined = true;
  };

  #tell(type: string, detail: boolean | ReachAct): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-home": KhHome;
  }
}
