import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Card, MerchantCard } from "../protocol/messages";
import "../ui/kh-card";
import "../ui/kh-icon";
import type { IconName } from "../ui/kh-icon";
import { shared } from "../ui/styles";
import { say, type Word } from "../words";

/**
 * Before the call: what it is about and what the merchant will see.
 *
 * @fires ask - `detail` is `video` or `voice`
 */
@customElement("kh-precall")
export class KhPrecall extends LitElement {
  static override styles = [
    shared,
    css`
      section {
        display: grid;
        gap: 20px;
      }
      header {
        display: flex;
        gap: 12px;
        align-items: center;
        padding-inline-end: 28px;
      }
      .face {
        width: 56px;
        height: 56px;
        border-radius: 50%;
        object-fit: cover;
        background: var(--jade-soft);
        color: var(--jade);
        display: grid;
        place-items: center;
        font-size: var(--text-l);
        font-weight: 650;
        flex: none;
      }
      .about {
        background: var(--paper);
        border-radius: var(--radius);
        padding: 14px;
      }
      li {
        display: flex;
        gap: 12px;
        align-items: flex-start;
        padding: 6px 0;
      }
      li kh-icon {
        color: var(--jade);
        margin-top: 1px;
      }
      .acts {
        display: grid;
        gap: 10px;
      }
    `,
  ];

  @property({ attribute: false }) merchant: MerchantCard | null = null;
  @property({ attribute: false }) card: Card | null = null;
  @property({ type: Boolean }) busy = false;

  override render(): TemplateResult {
    const name = this.merchant?.name ?? "";
    return html`<section>
      <header>
        ${this.merchant?.picture
          ? html`<img class="face" src=${this.merchant.picture} alt="" />`
          : html`<span class="face" aria-hidden="true">${name.slice(0, 1)}</span>`}
        <h1 tabindex="-1">${say("pre_title", { merchant: name })}</h1>
      </header>
      ${this.card === null ? nothing : html`<div class="about"><kh-card brief .card=${this.card}></kh-card></div>`}
      <ul>
        ${this.#line("eye", "pre_sees")} ${this.#line("mic", "pre_hears")} ${this.#line("eye-off", "pre_not")}
        ${this.#line("camera-off", "pre_camera")}
      </ul>
      <div class="acts">
        <button class="act wide" ?disabled=${this.busy} @click=${() => this.#ask("video")}>
          <kh-icon name="video"></kh-icon>${say("pre_video")}
        </button>
        <button class="plain wide" ?disabled=${this.busy} @click=${() => this.#ask("voice")}>
          <kh-icon name="phone"></kh-icon>${say("pre_voice")}
        </button>
        <p class="soft small">${say("pre_nobody_films")}</p>
      </div>
    </section>`;
  }

  #line(icon: IconName, word: Word): TemplateResult {
    return html`<li><kh-icon name=${icon}></kh-icon><span>${say(word)}</span></li>`;
  }

  #ask(media: "video" | "voice"): void {
    this.dispatchEvent(new CustomEvent("ask", { detail: media }));
  }
}
