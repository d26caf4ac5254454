import { css, html, LitElement, nothing, svg, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CallView, DeclineWhy } from "../protocol/messages";
import "../ui/kh-card";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { clock, say } from "../words";

const WHYS: readonly DeclineWhy[] = ["busy", "away", "not_mine", "other"];
const AROUND = 2 * Math.PI * 88;

/**
 * Somebody calls: what about, how long they have waited, how long there is to answer.
 *
 * @fires accept - `detail` is `video` or `voice`
 * @fires decline - `detail` is why
 */
@customElement("kh-ring")
export class KhRing extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        position: fixed;
        inset: 0;
        z-index: 5;
        background: color-mix(in srgb, var(--paper) 94%, transparent);
        backdrop-filter: blur(10px);
        display: grid;
        place-items: center;
        overflow-y: auto;
        padding: 20px 16px;
      }
      section {
        width: min(100%, 440px);
        display: grid;
        gap: 20px;
        justify-items: center;
        text-align: center;
      }
      .dial {
        position: relative;
        width: 200px;
        height: 200px;
        display: grid;
        place-items: center;
      }
      .dial svg {
        position: absolute;
        inset: 0;
        rotate: -90deg;
      }
      circle {
        fill: none;
        stroke-width: 8;
        stroke: var(--line);
      }
      circle.left {
        stroke: var(--jade);
        stroke-linecap: round;
        transition: stroke-dashoffset 1s linear;
      }
      @media (prefers-reduced-motion: reduce) {
        circle.left {
          transition: none;
        }
      }
      .dial img,
      .dial .thing {
        width: 160px;
        height: 160px;
        border-radius: 50%;
        object-fit: cover;
        background: var(--jade-soft);
        color: var(--jade);
        display: grid;
        place-items: center;
        font-size: 44px;
      }
      .facts {
        background: var(--sheet);
        border-radius: var(--radius);
        padding: 14px 16px;
        width: 100%;
        text-align: left;
        box-shadow: inset 0 0 0 1px var(--line);
      }
      .acts {
        display: grid;
        gap: 12px;
        width: 100%;
      }
      .acts button {
        min-height: 60px;
      }
      .eyebrow {
        color: var(--amber);
        font-weight: 650;
      }
    `,
  ];

  @property({ attribute: false }) call: CallView | null = null;
  /** The server's instant now. */
  @property({ type: Number }) now = 0;
  @property({ type: Boolean }) busy = false;
  @state() private declining = false;

  override render(): TemplateResult | typeof nothing {
    const { call } = this;
    if (call === null) return nothing;
    const whole = (call.due ?? this.now) - call.since;
    const left = Math.max(0, (call.due ?? this.now) - this.now);
    const seconds = Math.ceil(left / 1_000);
    return html`<section role="alertdialog" aria-labelledby="who" aria-describedby="what" @keydown=${this.#key}>
      <p class="eyebrow" aria-live="assertive">${say("rings")}</p>
      <div class="dial">
        <svg viewBox="0 0 192 192" aria-hidden="true">
          <circle cx="96" cy="96" r="88"></circle>
          ${svg`<circle class="left" cx="96" cy="96" r="88" stroke-dasharray=${AROUND} stroke-dashoffset=${AROUND * (1 - left / Math.max(whole, 1))}></circle>`}
        </svg>
        ${call.card.picture === null
          ? html`<span class="thing"><kh-icon name="phone"></kh-icon></span>`
          : html`<img src=${call.card.picture} alt="" />`}
      </div>
      <div>
        <h1 id="who" tabindex="-1">${say(call.media === "video" ? "wants_video" : "wants_voice")}</h1>
        <p id="what" class="soft">
          ${say(`from_${call.card.kind}`)} · ${say("waited", { length: clock(this.now - call.asked_at) })} ·
          <span role="timer">${say("seconds_left", { seconds })}</span>
        </p>
      </div>
      <div class="facts"><kh-card .card=${call.card}></kh-card></div>
      ${this.declining ? this.#whys() : this.#acts(call)}
    </section>`;
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLButtonElement>(".act")?.focus();
  }

  #acts(call: CallView): TemplateResult {
    const video = html`<button class="act" ?disabled=${this.busy} @click=${() => this.#tell("accept", "video")}>
      <kh-icon name="video"></kh-icon>${say("accept_video")}
    </button>`;
    const voice = html`<button class="plain" ?disabled=${this.busy} @click=${() => this.#tell("accept", "voice")}>
      <kh-icon name="phone"></kh-icon>${say("accept_voice")}
    </button>`;
    return html`<div class="acts">
      ${call.media === "video" ? [video, voice] : [html`<button class="act" ?disabled=${this.busy} @click=${() => this.#tell("accept", "voice")}><kh-icon name="phone"></kh-icon>${say("accept_voice")}</button>`]}
      <button @click=${() => (this.declining = true)}>${say("decline")}</button>
    </div>`;
  }

  #whys(): TemplateResult {
    return html`<div class="acts" role="group" aria-label=${say("decline_why")}>
      <p class="soft">${say("decline_why")}</p>
      ${WHYS.map((why) => html`<button class="plain" @click=${() => this.#tell("decline", why)}>${say(`decline_${why}`)}</button>`)}
      <button class="link" @click=${() => (this.declining = false)}>${say("back")}</button>
    </div>`;
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.declining = !this.declining;
  };

  #tell(type: string, detail: string): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
