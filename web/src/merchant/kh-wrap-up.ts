import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { CallView, Outcome } from "../protocol/messages";
import { shared } from "../ui/styles";
import { clock, say } from "../words";

const OUTCOMES = ["answered", "will_buy", "agreed", "follow_up", "not_resolved"] as const;

/**
 * After a call: how it went, in one tap and perhaps a note.
 *
 * @fires wrap - `detail` is `{outcome, note}`
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
          <button class="act wide" ?disabled=${this.outcome === null} @click=${() => this.#done(this.outcome ?? "skipped")}>
            ${say("save")}
          </button>
          <button class="wide" @click=${() => this.#done("skipped")}>${say("skip")}</button>
        </div>
      </section>
    </main>`;
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector<HTMLElement>("h1")?.focus();
  }

  #done(outcome: Outcome): void {
    const note = this.renderRoot.querySelector("textarea")?.value ?? "";
    this.dispatchEvent(new CustomEvent("wrap", { detail: { outcome, note } }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-wrap-up": KhWrapUp;
  }
}
