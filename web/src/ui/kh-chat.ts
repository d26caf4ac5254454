import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import { until } from "lit/directives/until.js";
import "./kh-icon";
import { shared } from "./styles";

export interface ChatEntry {
  readonly n: number;
  readonly own: boolean;
  readonly text: string | null;
  /** Where the picture is shown from. */
  readonly picture: Promise<string> | null;
}

/**
 * The written part of a call.
 *
 * @fires say - `detail` is the text
 * @fires picture - `detail` is the file
 * @fires close
 */
@customElement("kh-chat")
export class KhChat extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        grid-template-rows: auto 1fr auto;
        min-height: 0;
        background: var(--paper);
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        padding: 8px 8px 8px 20px;
        border-bottom: 1px solid var(--line);
      }
      .log {
        overflow-y: auto;
      }
      ol {
        padding: 16px;
        display: flex;
        flex-direction: column;
        gap: 8px;
      }
      li {
        max-width: 82%;
        padding: 10px 14px;
        border-radius: 16px;
        background: var(--sheet);
        align-self: flex-start;
        overflow-wrap: anywhere;
      }
      li span {
        white-space: pre-wrap;
      }
      li.own {
        align-self: flex-end;
        background: var(--jade-soft);
      }
      li img {
        border-radius: var(--radius);
        max-height: 260px;
        min-height: 80px;
      }
      form {
        display: flex;
        gap: 8px;
        padding: 12px;
        border-top: 1px solid var(--line);
        background: var(--sheet);
      }
      form button {
        padding: 0 12px;
      }
      .send {
        background: var(--jade);
        color: var(--on-jade);
      }
    `,
  ];

  @property({ attribute: false }) lines: readonly ChatEntry[] = [];
  @property({ attribute: false }) words = { title: "", empty: "", say: "", send: "", picture: "", close: "" };
  @property({ type: Boolean }) closable = true;
  @property({ type: Boolean }) sending = false;
  @query(".log") private readonly log!: HTMLElement;
  @query("input[type=text]") private readonly field!: HTMLInputElement;

  override render(): TemplateResult {
    const { words } = this;
    return html`
      <header>
        <h2>${words.title}</h2>
        ${this.closable
          ? html`<button aria-label=${words.close} @click=${() => this.#tell("close")}><kh-icon name="close"></kh-icon></button>`
          : nothing}
      </header>
      <div class="log" role="log" aria-live="polite" aria-label=${words.title} tabindex="0">
        <ol>
          ${this.lines.length === 0 ? html`<li class="soft">${words.empty}</li>` : nothing}
          ${this.lines.map((line) => html`<li class=${line.own ? "own" : ""}>${this.#content(line)}</li>`)}
        </ol>
      </div>
      <form @submit=${this.#say}>
        <input type="file" hidden accept="image/*" @change=${this.#picture} aria-label=${words.picture} />
        <button type="button" aria-label=${words.picture} ?disabled=${this.sending} @click=${this.#choose}>
          <kh-icon name="image"></kh-icon>
        </button>
        <input type="text" maxlength="2000" autocomplete="off" placeholder=${words.say} aria-label=${words.say} />
        <button class="send" aria-label=${words.send}><kh-icon name="send"></kh-icon></button>
      </form>
    `;
  }

  #content({ picture, text }: ChatEntry): TemplateResult {
    if (picture === null) return html`<span>${text}</span>`;
    return html`<img alt=${this.words.picture} src=${until(picture, nothing)} @load=${this.#down} />`;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("lines")) this.#down();
  }

  override focus(): void {
    this.field.focus();
  }

  readonly #down = (): void => {
    this.log.scrollTop = this.log.scrollHeight;
  };

  readonly #choose = (): void => {
    this.renderRoot.querySelector<HTMLInputElement>("input[type=file]")?.click();
  };

  readonly #say = (event: Event): void => {
    event.preventDefault();
    const text = this.field.value.trim();
    if (text === "") return;
    this.field.value = "";
    this.#tell("say", text);
  };

  readonly #picture = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file !== undefined) this.#tell("picture", file);
  };

  #tell(type: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-chat": KhChat;
  }
}
