import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { guard } from "lit/directives/guard.js";
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

/** What the other side has written after line `seen`, in words; empty where that is nothing. */
export function newsSince(lines: readonly ChatEntry[], seen: number): string {
  const last = lines.findLast(({ n, own }) => !own && n > seen);
  return last === undefined ? "" : say("chat_news", { text: last.text ?? say("picture") });
}

/** How far from its end, in px, the log still counts as being read at its end. */
const AT_END = 48;

/**
 * The written part of a call. What could not be sent stays where it was, with a word about it; what is half written
 * stays too, for as long as the element does.
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
        min-height: 1.5em;
        margin: 0 16px 8px;
      }
      /* what is sent at once needs no word */
      .state span {
        animation: late 0s 400ms backwards;
      }
      @keyframes late {
        from {
          visibility: hidden;
        }
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
  /** How many are on their way. */
  @state() private sending = 0;
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
      <div class="log" role="log" aria-live="polite" aria-label=${say("chat")} tabindex="0" @scroll=${this.#scrolled}>
        <ol>
          ${this.lines.length === 0 ? html`<li class="soft">${say("chat_empty")}</li>` : nothing}
          ${this.lines.map((line) => html`<li class=${line.own ? "own" : ""}>${this.#content(line)}</li>`)}
        </ol>
        <p class="soft small state" role="status">${this.sending > 0 ? html`<span>${say("chat_sending")}</span>` : nothing}</p>
      </div>
      ${this.failed === null ? nothing : html`<p class="notice" role="alert">${say(this.failed)}</p>`}
      <form @submit=${this.#say}>
        <input type="file" hidden accept="image/*" @change=${this.#picture} aria-label=${say("send_picture")} />
        <button type="button" aria-label=${say("send_picture")} @click=${this.#choose}>
          <kh-icon name="image"></kh-icon>
        </button>
        <input type="text" maxlength="2000" autocomplete="off" placeholder=${say("chat_say")} aria-label=${say("chat_say")} />
        <button class="send" aria-label=${say("send")}><kh-icon name="send"></kh-icon></button>
      </form>
    `;
  }

  #content({ picture, text }: ChatEntry): TemplateResult {
    if (picture === null) return html`<span>${text}</span>`;
    // one that could not be fetched comes with a new promise; one that is shown is left alone
    const address = guard([picture], () => until(picture.catch(() => ""), nothing));
    return html`<img alt=${say("picture")} src=${address} @load=${this.#down} />`;
  }

  /** A telephone's keyboard takes half of the room away, and not what was read last. */
  override firstUpdated(): void {
    new ResizeObserver(this.#down).observe(this.log);
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
    this.#atEnd = true;
    this.#down();
    if (matchMedia("(pointer: fine)").matches) this.field.focus();
    else this.renderRoot.querySelector<HTMLElement>("h2")?.focus();
  }

  readonly #scrolled = (): void => {
    this.#atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < AT_END;
  };

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
      if (!sent) this.field.value = `${text} ${this.field.value}`.trim();
    });
  };

  readonly #picture = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file !== undefined) void this.#deliver(file, "picture_failed");
  };

  async #deliver(what: string | File, otherwise: Word): Promise<boolean> {
    this.sending += 1;
    this.failed = null;
    try {
      await this.deliver(what);
      return true;
    } catch {
      this.failed = otherwise;
      return false;
    } finally {
      this.sending -= 1;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-chat": KhChat;
  }
}
