import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { AgentState } from "../core";
import "../ui/kh-card";
import { type ChatEntry, newsSince } from "../ui/kh-chat";
import "../ui/kh-icon";
import "../ui/kh-stage";
import type { StageAct } from "../ui/kh-stage";
import { shared } from "../ui/styles";
import { say } from "../words";

const WIDE = "(width >= 900px)";

/**
 * The agent's side of a call: the buyer's picture, the acts, and beside it what the call is about and what is written.
 * On a phone the card stands behind a chip and the chat behind its act.
 *
 * @fires act - `detail` is `mute`, `camera`, `switch` or `hang-up`
 */
@customElement("kh-conversation")
export class KhConversation extends LitElement {
  static override styles = [
    shared,
    css`
      :host,
      kh-stage {
        height: 100dvh;
      }
      .beside {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      kh-chat {
        flex: 1;
      }
      .card {
        padding: 12px 8px 16px 20px;
        border-bottom: 1px solid var(--line);
        display: grid;
        gap: 8px;
        max-height: 45dvh;
        overflow-y: auto;
      }
      .card .head {
        display: flex;
        justify-content: space-between;
        align-items: center;
        min-height: var(--target);
      }
      .chip {
        background: rgb(0 0 0 / 45%);
        color: var(--on-stage);
        border: 1px solid rgb(255 255 255 / 45%);
        margin-top: 8px;
        padding: 0 16px;
        justify-self: start;
      }
      /* above a telephone's keyboard there is room for what is written, and for nothing else */
      @media (height < 520px) {
        .card:has(+ kh-chat:not([hidden])) {
          display: none;
        }
      }
      @media (width >= 900px) {
        .chip {
          display: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) now!: AgentState;
  /** Where a picture of the chat is shown from. */
  @property({ attribute: false }) address!: (picture: string) => Promise<string>;
  /** Sends a text or a picture of the chat. */
  @property({ attribute: false }) deliver!: (what: string | File) => Promise<void>;
  @state() private beside: "nothing" | "card" | "chat" = matchMedia(WIDE).matches ? "chat" : "nothing";
  /** Up to which line of the chat the agent has seen it. */
  #seen = 0;

  override render(): TemplateResult {
    const { call, talk, consents } = this.now;
    const lines = this.#lines();
    if (this.beside === "chat") this.#seen = lines.at(-1)?.n ?? 0;
    const news = newsSince(lines, this.#seen);
    return html`<kh-stage
      name=${say("buyer")}
      about=${call?.card.title ?? ""}
      .remote=${talk.remote}
      ?remoteShown=${talk.remoteVideo && consents?.camera === true}
      remoteOff=${say(talk.media === "connecting" ? "connecting" : "buyer_camera_off")}
      .own=${talk.own}
      ownLabel=${say("own_picture")}
      line=${this.#line()}
      news=${news}
      .acts=${this.#acts(news !== "")}
      hangUp=${say("hang_up")}
      ?panel=${this.beside !== "nothing"}
      @act=${(event: CustomEvent<string>) => this.#act(event.detail)}
    >
      <button slot="top" class="chip" aria-expanded=${this.beside === "card"} @click=${() => this.#show("card")}>
        <kh-icon name="eye"></kh-icon>${say("about_what")}
      </button>
      <div class="beside" slot="side" @keydown=${this.#key}>${this.#card()} ${this.#chat(lines)}</div>
    </kh-stage>`;
  }

  override firstUpdated(): void {
    this.renderRoot.querySelector("kh-stage")?.focus();
  }

  #acts(unread: boolean): StageAct[] {
    const { talk } = this.now;
    const muted = talk.muted || !talk.microphone;
    const chatOpen = this.beside === "chat";
    return [
      { act: "mute", icon: muted ? "mic-off" : "mic", label: say(muted ? "unmute" : "mute"), on: muted },
      { act: "camera", icon: talk.camera ? "camera" : "camera-off", label: say(talk.camera ? "camera_off" : "camera_on"), on: talk.camera },
      ...(talk.camera ? [{ act: "switch", icon: "switch", label: say("switch_camera") } as const] : []),
      { act: "chat", icon: "chat", label: say(unread ? "chat_new" : "chat"), on: chatOpen, opened: chatOpen },
    ];
  }

  #card(): TemplateResult {
    return html`<div class="card">
      <div class="head">
        <h2 tabindex="-1">${say("about_what")}</h2>
        ${this.beside === "card"
          ? html`<button aria-label=${say("close")} @click=${() => this.#show("card")}><kh-icon name="close"></kh-icon></button>`
          : nothing}
      </div>
      <kh-card .card=${this.now.call?.card ?? null}></kh-card>
    </div>`;
  }

  #chat(lines: readonly ChatEntry[]): TemplateResult {
    return html`<kh-chat
      ?hidden=${this.beside !== "chat"}
      .lines=${lines}
      .deliver=${this.deliver}
      @close=${() => this.#show("chat")}
    ></kh-chat>`;
  }

  #lines(): ChatEntry[] {
    return this.now.chat.map(({ n, side, text, picture }) => ({
      n,
      own: side === "agent",
      text,
      picture: picture === null ? null : this.address(picture),
    }));
  }

  #line(): string {
    const { call, line, talk } = this.now;
    if (line !== "up") return say("no_line");
    if (call?.missing.includes("buyer") === true) return say("buyer_away");
    if (talk.media === "stalled") return say("media_stalled");
    return talk.media === "flowing" && !talk.remoteAudio ? say("buyer_listens") : "";
  }

  #show(what: "card" | "chat"): void {
    const before = this.beside;
    this.beside = before === what ? "nothing" : what;
    void this.updateComplete.then(() => {
      if (this.beside === "chat") this.renderRoot.querySelector("kh-chat")?.focus();
      else if (this.beside === "card") this.renderRoot.querySelector<HTMLElement>(".card h2")?.focus();
      else if (before === "chat") this.renderRoot.querySelector("kh-stage")?.focusAct("chat");
      else this.renderRoot.querySelector<HTMLElement>(".chip")?.focus();
    });
  }

  readonly #key = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.beside !== "nothing") this.#show(this.beside);
  };

  #act(act: string): void {
    if (act === "chat") this.#show("chat");
    else this.dispatchEvent(new CustomEvent("act", { detail: act }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-conversation": KhConversation;
  }
}
