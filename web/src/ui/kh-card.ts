import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import { shared } from "./styles";

/** What a call is about: picture, title, price and a few facts. */
@customElement("kh-card")
export class KhCard extends LitElement {
  static override styles = [
    shared,
    css`
      article {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 4px 14px;
        align-items: center;
      }
      img {
        width: 72px;
        height: 72px;
        object-fit: cover;
        border-radius: var(--radius);
        background: var(--line);
      }
      .title {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .price {
        color: var(--jade);
        font-weight: 650;
      }
      dl {
        grid-column: 1 / -1;
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 2px 14px;
        margin-top: 8px;
      }
      dt {
        color: var(--ink-soft);
      }
      dd {
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property({ attribute: false }) card: {
    readonly title: string;
    readonly picture: string | null;
    readonly price: string | null;
    readonly lines: readonly { readonly label: string; readonly value: string }[];
  } | null = null;
  /** Only picture, title and price. */
  @property({ type: Boolean }) brief = false;

  override render(): TemplateResult | typeof nothing {
    const { card } = this;
    if (card === null) return nothing;
    return html`<article>
      ${card.picture === null ? html`<span></span>` : html`<img src=${card.picture} alt="" />`}
      <div>
        <p class="title">${card.title}</p>
        ${card.price === null ? nothing : html`<p class="price">${card.price}</p>`}
      </div>
      ${this.brief || card.lines.length === 0
        ? nothing
        : html`<dl>
            ${card.lines.map(
              ({ label, value }) =>
                html`<dt>${label}</dt>
                  <dd>${value}</dd>`,
            )}
          </dl>`}
    </article>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-card": KhCard;
  }
}
