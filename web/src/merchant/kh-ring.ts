import { css, html, LitElement, nothing, type PropertyValues, svg, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CallView, DeclineWhy, Media } from "../protocol/messages";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { clock, say } from "../words";

const WHYS: readonly DeclineWhy[] = ["busy", "away", "not_mine", "other"];
/** For so long, in ms, the keys still belong to what was being typed. */
const TYPED_ON = 700;
const AROUND = 2 * Math.PI * 88;

/**
 * Somebody calls: what about, how long they have waited, how long there is to answer.
 * The heading takes the focus, not a button, and the keyboard rests for a moment: what somebody is just typing must not
 * accept a call. Escape asks why not.
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
        background: var(--paper);
        display: grid;
        overflow-y: auto;
        padding: 20px 16px max(20px, env(safe-area-inset-bottom));
      }
      section {
        width: min(100%, 440px);
        margin: auto;
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
      .about {
        display: grid;
        gap: 4px;
        max-width: 100%;
      }
      .about h1 {
        overflow-wrap: anywhere;
      }
      [role="timer"] {
        white-space: nowrap;
      }
      .price {
        color: var(--jade);
        font-weight: 650;
      }
      dl {
        background: var(--sheet);
        border-radius: var(--radius);
        padding: 12px 16px;
        width: 100%;
        text-align: left;
        box-shadow: inset 0 0 0 1px var(--line);
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 2px 14px;
      }
      dt {
        color: var(--ink-soft);
      }
      dd {
        overflow-wrap: anywhere;
      }
      .acts {
        display: grid;
        gap: 12px;
        width: 100%;
      }
      .acts button {
        min-height: 60px;
      }
      .wants {
        color: var(--amber);
        font-weight: 650;
        font-size: var(--text-m);
      }
      @media (width < 900px) {
        section {
          min-height: 100%;
          margin: 0 auto;
          grid-template-rows: auto auto auto 1fr auto;
          gap: 16px;
        }
        dl {
          align-self: start;
        }
        .acts {
          grid-row: 5;
        }
      }
      @media (height < 700px) {
        .dial {
          width: 140px;
          height: 140px;
        }
        .dial img,
        .dial .thing {
          width: 112px;
          height: 112px;
        }
      }
    `,
  ];

  @property({ attribute: false }) call: CallView | null = null;
  /** The server's instant now. */
  @property({ type: Number }) now = 0;
  @property({ type: Boolean }) busy = false;
  @state() private declining = false;
  #begun = 0;

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("call") && changed.get("call")?.call !== this.call?.call) this.declining = false;
  }

  override render(): TemplateResult | typeof nothing {
    const { call } = this;
    if (call === null) return nothing;
    const { card } = call;
    return html`<section role="alertdialog" aria-modal="true" aria-labelledby="wants what" aria-describedby="facts" @keydown=${this.#key}>
      <p class="wants" id="wants" aria-live="assertive">${say(call.media === "video" ? "wants_video" : "wants_voice")}</p>
      ${this.#dial(call)}
      <div class="about">
        <h1 id="what" tabindex="-1">${card.title}</h1>
        ${card.price === null ? nothing : html`<p class="price">${card.price}</p>`}
        <p id="facts" class="soft">
          ${say("from", { place: say(`place_${card.kind}`) })} · ${say("waited", { length: clock(this.now - call.asked_at) })} ·
          <span role="timer">${say("seconds_left", { seconds: this.#seconds(call) })}</span>
        </p>
      </div>
      ${card.lines.length === 0
        ? nothing
        : html`<dl>
            ${card.lines.map(
              ({ label, value }) =>
                html`<dt>${label}</dt>
                  <dd>${value}</dd>`,
            )}
          </dl>`}
      ${this.declining ? this.#whys() : this.#acts(call)}
    </section>`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (!changed.has("call") || changed.get("call")?.call === this.call?.call) return;
    this.#begun = performance.now();
    this.renderRoot.querySelector<HTMLElement>("h1")?.focus();
  }

  #dial(call: CallView): TemplateResult {
    const whole = Math.max((call.due ?? this.now) - call.since, 1);
    const gone = AROUND * (1 - Math.min(1, this.#left(call) / whole));
    return html`<div class="dial">
      <svg viewBox="0 0 192 192" aria-hidden="true">
        <circle cx="96" cy="96" r="88"></circle>
        ${svg`<circle class="left" cx="96" cy="96" r="88" stroke-dasharray=${AROUND} stroke-dashoffset=${gone}></circle>`}
      </svg>
      ${call.card.picture === null
        ? html`<span class="thing"><kh-icon name="phone"></kh-icon></span>`
        : html`<img src=${call.card.picture} alt="" />`}
    </div>`;
  }

  #acts(call: CallView): TemplateResult {
    // who asks by voice expects no picture: then voice is the one offered first, and the only one
    const ways: readonly Media[] = call.media === "video" ? ["video", "voice"] : ["voice"];
    return html`<div class="acts">
      ${ways.map(
        (media, place) => html`<button
          class=${place === 0 ? "act" : "plain"}
          ?disabled=${this.busy}
          @click=${() => this.#tell("accept", media)}
        >
          <kh-icon name=${media === "video" ? "video" : "phone"}></kh-icon>${say(`accept_${media}`)}
        </button>`,
      )}
      <button ?disabled=${this.busy} @click=${() => void this.#decline(true)}>${say("decline")}</button>
    </div>`;
  }

  #whys(): TemplateResult {
    return html`<div class="acts" role="group" aria-labelledby="why">
      <p class="soft" id="why">${say("decline_why")}</p>
      ${WHYS.map((why) => html`<button class="plain" @click=${() => this.#tell("decline", why)}>${say(`decline_${why}`)}</button>`)}
      <button class="link" @click=${() => void this.#decline(false)}>${say("back")}</button>
    </div>`;
  }

  #left(call: CallView): number {
    return Math.max(0, (call.due ?? this.now) - this.now);
  }

  #seconds(call: CallView): number {
    return Math.ceil(this.#left(call) / 1_000);
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (event.timeStamp - this.#begun < TYPED_ON) event.preventDefault();
    else if (event.key === "Escape" && !this.busy) void this.#decline(!this.declining);
  };

  async #decline(declining: boolean): Promise<void> {
    this.declining = declining;
    await this.updateComplete;
    this.#focus();
  }

  /** The button that had the focus is gone: the first of the new ones takes it, so that the keyboard goes on. */
  #focus(): void {
    this.renderRoot.querySelector<HTMLButtonElement>(".acts button")?.focus();
  }

  #tell(type: "accept" | "decline", detail: Media | DeclineWhy): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-ring": KhRing;
  }
}
