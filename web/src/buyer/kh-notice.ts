import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import "../ui/kh-icon";
import type { IconName } from "../ui/kh-icon";
import { shared } from "../ui/styles";

/**
 * One plain message with one way on: waiting for a permission, nobody there, a link that has grown old.
 *
 * @slot - more, below the text
 * @fires act - the way on
 * @fires other - the quiet second way
 */
@customElement("kh-notice")
export class KhNotice extends LitElement {
  static override styles = [
    shared,
    css`
      section {
        display: grid;
        gap: 16px;
        justify-items: center;
        text-align: center;
        padding: 16px 0 8px;
      }
      .mark {
        width: 88px;
        height: 88px;
        border-radius: 50%;
        display: grid;
        place-items: center;
        background: var(--jade-soft);
        color: var(--jade);
        font-size: 28px;
      }
      .wait {
        background: var(--amber-soft);
        color: var(--amber);
      }
      .acts {
        display: grid;
        gap: 10px;
        width: 100%;
        margin-top: 8px;
      }
    `,
  ];

  @property() icon: IconName = "clock";
  @property() tone: "calm" | "wait" = "calm";
  @property() heading = "";
  @property() text = "";
  @property() act = "";
  @property() other = "";
  @property({ type: Boolean }) busy = false;

  override render(): TemplateResult {
    return html`<section>
      <span class="mark ${this.tone}"><kh-icon name=${this.icon}></kh-icon></span>
      <h1 tabindex="-1">${this.heading}</h1>
      ${this.text === "" ? nothing : html`<p class="soft">${this.text}</p>`}
      <slot></slot>
      <div class="acts">
        ${this.act === "" ? nothing : html`<button class="act wide" ?disabled=${this.busy} @click=${() => this.#tell("act")}>${this.act}</button>`}
        ${this.other === ""
          ? nothing
          : html`<button class="plain wide" ?disabled=${this.busy} @click=${() => this.#tell("other")}>${this.other}</button>`}
      </div>
    </section>`;
  }

  #tell(type: string): void {
    this.dispatchEvent(new CustomEvent(type));
  }
}
