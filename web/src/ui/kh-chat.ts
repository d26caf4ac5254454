import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { until } from "lit/directives/until.js";
import "./kh-icon";
import { say, type Word } from "../words";
import { shared } from "./styles";

export interface ChatEntry {
  readonly n: number;
  readonly own: boolean;
  readonly text: string | null;
  /** Where the picture is shown from. */
  readonly picture: Promise<string> | null;
}

/** How far from its end, in px, the log still counts as being read at its end. */
const AT_END = 48;

/**
 * The written part of a call. What could not be sent stays where it was, with a word about it.
 *
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
      .notice {
        border-radius: 0;
      }
      .state {
        padding: 0 16px 8px;
      }
      .send {
        background: var(--jade);
        color: var(--on-jade);
      }
    `,
  ];

  @property({ attribute: false }) lines: readonly ChatEntry[] = [];
  /** Sends a text or a picture. */
  @property({ attribute: false }) deliver!: (what: string | File) => Promise<void>;
  @state() private sending = false;
  @state() private failed: Word | null = null;
  #last = 0;
  #atEnd = true;
  @query(".log") private readonly log!: HTMLElement;
  @query("input[type=text]") private readonly field!: HTMLInputElement;

  override render(): TemplateResult {
    return html`
      <header>
        <h2 tabindex="-1">${say("chat")}</h2>
        <button aria-label=${say("close")} @click=${this.#close}><kh-icon name="close"></kh-icon></button>
      </header>
      <div class="log" role="log" aria-live="polite" aria-label=${say("chat")} tabindex="0">
        <ol>
          ${this.lines.length === 0 ? html`<li class="soft">${say("chat_empty")}</li>` : nothing}
          ${this.lines.map((line) => html`<li class=${line.own ? "own" : ""}>${this.#content(line)}</li>`)}
        </ol>
        <p class="soft small state" role="status">${this.sending ? say("chat_sending") : nothing}</p>
      </div>
      ${this.failed === null ? nothing : html`<p class="notice" role="alert">${say(this.failed)}</p>`}
      <form @submit=${this.#say}>
        <input type="file" hidden accept="image/*" @change=${this.#picture} aria-label=${say("send_picture")} />
        <button type="button" aria-label=${say("send_picture")} ?disabled=${this.sending} @click=${this.#choose}>
          <kh-icon name="image"></kh-icon>
        </button>
        <input type="text" maxlength="2000" autocomplete="off" placeholder=${say("chat_say")} aria-label=${say("chat_say")} />
        <button class="send" aria-label=${say("send")}><kh-icon name="send"></kh-icon></button>
      </form>
    `;
  }

  #content({ picture, text }: ChatEntry): TemplateResult {
    if (picture === null) return html`<span>${text}</span>`;
    // one that cannot be fetched is asked for again when the log is drawn next
    const address = picture.catch(() => "");
    return html`<img alt=${say("picture")} src=${until(address, nothing)} @load=${this.#down} />`;
  }

  override willUpdate(): void {
    if (this.hasUpdated) this.#atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < AT_END;
  }

  /** Whoever reads at the end goes on reading there; whoever has scrolled up is left in peace. */
  override updated(): void {
    const last = this.lines.at(-1);
    if (last === undefined || last.n === this.#last) return;
    this.#last = last.n;
    if (last.own) this.#atEnd = true;
    this.#down();
  }

  /** On a telephone the field would bring up the keyboard before anything was read. */
  override focus(): void {
    if (matchMedia("(pointer: fine)").matches) this.field.focus();
    else this.renderRoot.querySelector<HTMLElement>("h2")?.focus();
  }

  readonly #down = (): void => {
    if (this.#atEnd) this.log.scrollTop = this.log.scrollHeight;
  };

  readonly #close = (): void => {
    this.dispatchEvent(new CustomEvent("close"));
  };

  readonly #choose = (): void => {
    this.renderRoot.querySelector<HTMLInputElement>("input[type=file]")?.click();
  };

  readonly #say = (event: Event): void => {
    event.preventDefault();
    const text = this.field.value.trim();
    if (text === "") return;
    this.field.value = "";
    void this.#deliver(text, "text_failed").then((sent) => {
      if (!sent && this.field.value === "") this.field.value = text;
    });
  };

  readonly #picture = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file === undefined) return;
    this.sending = true;
    void this.#deliver(file, "picture_failed").then(() => (this.sending = false));
  };

  async #deliver(what: string | File, otherwise: Word): Promise<boolean> {
    try {
      await this.deliver(what);
      this.failed = null;
      return true;
    } catch {
      this.failed = otherwise;
      return false;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-chat": KhChat;
  }
}
