import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CallView, RatingWhy } from "../protocol/messages";
import { shared } from "../ui/styles";
import { clock, say, type Word } from "../words";

const FACES = ["😣", "🙁", "😐", "🙂", "😄"] as const;
const GOOD: readonly RatingWhy[] = ["solved", "saw_clearly", "friendly", "other"];
const BAD: readonly RatingWhy[] = ["not_solved", "unclear_picture", "unclear_sound", "long_wait", "impolite", "other"];

/**
 * After a talk: one question with five faces, then why.
 *
 * @fires rate - `detail` is `{stars, why}`
 * @fires again - the line broke and the talk may not have been over
 * @fires leave
 */
@customElement("kh-after")
export class KhAfter extends LitElement {
  static override styles = [
    shared,
    css`
      section {
        display: grid;
        gap: 22px;
      }
      /* clear of the sheet's close button */
      header {
        padding-inline: 36px;
      }
      header,
      .thanks {
        text-align: center;
        display: grid;
        gap: 4px;
      }
      .faces {
        display: grid;
        grid-template-columns: repeat(5, 1fr);
        gap: 4px;
        border: 0;
        margin: 0;
        padding: 0;
        min-width: 0;
      }
      .faces label {
        justify-items: center;
        text-align: center;
        padding: 8px 0;
        border-radius: var(--radius);
        font-size: var(--text-xs);
        font-weight: 400;
        cursor: pointer;
      }
      .faces input {
        position: absolute;
        opacity: 0;
        width: 1px;
        min-height: 1px;
        padding: 0;
      }
      .faces label:has(:focus-visible) {
        outline: 3px solid var(--jade);
        outline-offset: 2px;
      }
      .faces span {
        font-size: 34px;
        line-height: 1.2;
        filter: grayscale(0.35);
      }
      .faces label:has(:checked) {
        background: var(--jade-soft);
        box-shadow: inset 0 0 0 2px var(--jade);
        font-weight: 650;
      }
      .faces label:has(:checked) span {
        filter: none;
      }
      .chips {
        justify-content: center;
      }
    `,
  ];

  @property({ attribute: false }) call: CallView | null = null;
  @property({ type: Boolean }) rated = false;
  @property({ type: Boolean }) leavable = false;
  @state() private stars = 0;
  @state() private why: RatingWhy | null = null;

  override render(): TemplateResult | typeof nothing {
    const { call } = this;
    if (call === null) return nothing;
    const lasted = call.connected_at !== null && call.ended_at !== null ? call.ended_at - call.connected_at : null;
    return html`<section>
      <header>
        <h1 tabindex="-1">${say(`end_${call.reason ?? "completed"}`)}</h1>
        ${lasted === null ? nothing : html`<p class="soft">${say("lasted", { length: clock(lasted) })}</p>`}
      </header>
      ${call.reason === "completed"
        ? nothing
        : html`<button class="act wide" @click=${() => this.dispatchEvent(new CustomEvent("again"))}>${say("call_again")}</button>`}
      ${this.rated ? html`<p class="thanks" role="status">${say("rate_thanks")}</p>` : this.#question()}
      ${this.leavable
        ? html`<button class="plain wide" @click=${() => this.dispatchEvent(new CustomEvent("leave"))}>
            ${say("back_to_shop")}
          </button>`
        : nothing}
    </section>`;
  }

  #question(): TemplateResult {
    const reasons = this.stars >= 4 ? GOOD : BAD;
    return html`
      <h2 id="question">${say("rate_title")}</h2>
      <fieldset class="faces" aria-labelledby="question">
        ${FACES.map((face, index) => {
          const stars = index + 1;
          return html`<label>
            <input type="radio" name="stars" .checked=${this.stars === stars} @change=${() => this.#choose(stars)} />
            <span aria-hidden="true">${face}</span>${say(`rate_${stars}` as Word)}
          </label>`;
        })}
      </fieldset>
      ${this.stars === 0
        ? nothing
        : html`<div class="stack">
            <h2>${say("rate_why")}</h2>
            <div class="chips">
              ${reasons.map(
                (why) => html`<button aria-pressed=${this.why === why} @click=${() => (this.why = why)}>
                  ${say(`why_${why}`)}
                </button>`,
              )}
            </div>
            <button class="act wide" @click=${this.#send}>${say("rate_send")}</button>
          </div>`}
    `;
  }

  #choose(stars: number): void {
    this.stars = stars;
    this.why = null;
  }

  readonly #send = (): void => {
    this.dispatchEvent(new CustomEvent("rate", { detail: { stars: this.stars, why: this.why } }));
  };
}
