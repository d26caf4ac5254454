import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CallView, Outcome } from "../protocol/messages";
import { shared } from "../ui/styles";
import { clock, say } from "../words";

export interface WrapUp {
  readonly call: string;
  readonly outcome: Outcome;
  readonly note: string;
}

const OUTCOMES = ["answered", "will_buy", "agreed", "follow_up", "not_resolved"] as const;

/**
 * After a call: how it went, in one tap and perhaps a note.
 *
 * What is written when the next call rings is kept too.
 *
 * @fires wrap - `detail` is a {@link WrapUp}
 */
@customElement("kh-wrap-up")
export class KhWrapUp extends LitElement {
  static override styles = [
    shared,
    css`
      main {
        min-height: 100dvh;
        display: grid;
        place-items: center;
        padding: 24px 16px;
      }
      .chips button[aria-pressed="true"]::before {
        content: "✓";
      }
      section {
        width: min(100%, 480px);
        background: var(--sheet);
        border-radius: var(--radius-sheet);
        box-shadow: var(--shadow);
        padding: 28px 24px;
        display: grid;
        gap: 18px;
      }
      textarea {
        min-height: 96px;
        resize: vertical;
      }
    `,
  ];

  @property({ attribute: false }) call: CallView | null = null;
  /** What could not be done with the last try, in words. */
  @property() trouble = "";
  @state() private outcome: Outcome | null = null;
  #done = false;

  override render(): TemplateResult {
    const { call } = this;
    const length = call?.connected_at != null && call.ended_at !== null ? clock(call.ended_at - call.connected_at) : "";
    return html`<main>
      <section>
        <div>
          <h1 tabindex="-1">${say("wrap_title")}</h1>
          <p class="soft">${call?.card.title} ${length === "" ? nothing : html`· ${length}`}</p>
        </div>
        <div class="chips" role="group" aria-label=${say("wrap_title")}>
          ${OUTCOMES.map(
            (outcome) => html`<button aria-pressed=${this.outcome === outcome} @click=${() => (this.outcome = outcome)}>
              ${say(`outcome_${outcome}`)}
            </button>`,
          )}
        </div>
        <label>${say("note")}<textarea maxlength="2000"></textarea></label>
        <p class="soft small">${say("wrap_hint")}</p>
        ${this.trouble === "" ? nothing : html`<p class="notice" role="alert">${this.trouble}</p>`}
        <div class="stack">
          <button class="act wide" ?disabled=${this.outcome === null} @click=${this.#tell}>
            ${say("save")}
          </button>
          <button class="wide" @click=${this.#skip}>${say("skip")}</button>
        </div>
      </section>
    </main>`;
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>("h1")?.focus();
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("trouble") && this.trouble !== "") this.#done = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    const begun = this.outcome !== null || this.renderRoot.querySelector("textarea")?.value !== "";
    if (begun && !this.#done) this.#tell();
  }

  readonly #skip = (): void => {
    this.outcome = null;
    this.#tell();
  };

  readonly #tell = (): void => {
    if (this.call === null) return;
    this.#done = true;
    const note = this.renderRoot.querySelector("textarea")?.value ?? "";
    const detail: WrapUp = { call: this.call.call, outcome: this.outcome ?? "skipped", note };
    this.dispatchEvent(new CustomEvent("wrap", { detail }));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-wrap-up": KhWrapUp;
  }
}
