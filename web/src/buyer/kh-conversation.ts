import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { BuyerCall, BuyerState } from "../core";
import "../ui/kh-card";
import { type ChatEntry, newsSince } from "../ui/kh-chat";
import "../ui/kh-icon";
import "../ui/kh-stage";
import type { KhStage } from "../ui/kh-stage";
import { shared } from "../ui/styles";
import { say } from "../words";
import { lineInWords, mainActs, moreActs, remoteInWords } from "./acts";

/**
 * The buyer's side of a call: the merchant's picture, the acts, and the chat when it is asked for.
 *
 * @fires minimise - the buyer wants to go on browsing
 * @fires restore
 * @fires hang-up
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
      dialog {
        border: 0;
        border-radius: var(--radius-sheet);
        padding: 24px;
        width: min(92vw, 400px);
        background: var(--sheet);
        color: var(--ink);
        box-shadow: var(--shadow);
      }
      dialog::backdrop {
        background: var(--scrim);
      }
      .card {
        padding: 16px 20px;
        border-bottom: 1px solid var(--line);
      }
      /* above a telephone's keyboard there is room for what is written, and for nothing else */
      @media (height < 520px) {
        .card {
          display: none;
        }
      }
      .beside {
        display: flex;
        flex-direction: column;
        min-height: 0;
      }
      kh-chat {
        flex: 1;
      }
      .toast {
        position: fixed;
        inset: auto 16px 128px;
        margin: 0 auto;
        max-width: 420px;
        box-shadow: var(--shadow);
        display: flex;
        gap: 8px;
        align-items: center;
        justify-content: space-between;
      }
    `,
  ];

  @property({ attribute: false }) buyer!: BuyerCall;
  @property({ attribute: false }) now!: BuyerState;
  @property({ type: Boolean }) framed = false;
  @property({ type: Boolean }) small = false;
  @state() private chatOpen = false;
  /** Up to which line of the chat the buyer has seen it. */
  #seen = 0;
  /** She came in without a microphone and knows it: it is not told again before she asks for it. */
  #quiet = false;

  override render(): TemplateResult {
    const { call, talk } = this.now;
    const lines = this.#lines();
    if (this.chatOpen) this.#seen = lines.at(-1)?.n ?? 0;
    const news = newsSince(lines, this.#seen);
    return html`
      <kh-stage
        name=${`${call?.merchant.name ?? ""} · ${call?.agent?.name ?? ""}`}
        about=${call?.card.title ?? ""}
        .remote=${talk.remote}
        ?remoteShown=${talk.remoteVideo && !talk.voiceOnly && talk.media !== "connecting"}
        remoteOff=${remoteInWords(talk)}
        .own=${talk.own}
        ownLabel=${say("own_picture")}
        line=${lineInWords(this.now)}
        news=${news}
        .acts=${mainActs(talk, this.chatOpen, news !== "")}
        .more=${moreActs(talk, this.framed)}
        hangUp=${say("hang_up")}
        restore=${say("show_picture")}
        ?panel=${this.chatOpen}
        ?small=${this.small}
        @act=${(event: CustomEvent<string>) => this.#act(event.detail)}
        @keydown=${this.#escape}
      >
        ${this.#chat(lines)}
      </kh-stage>
      ${this.#toast()}
      <dialog id="confirm" aria-labelledby="confirm-title" @close=${this.#confirmed}>
        <form method="dialog" class="stack">
          <h1 id="confirm-title">${say("confirm_camera_title")}</h1>
          <p>${say("confirm_camera")}</p>
          <button class="act wide" value="yes">${say("confirm_camera_yes")}</button>
          <button class="plain wide" value="no">${say("confirm_camera_no")}</button>
        </form>
      </dialog>
    `;
  }

  override firstUpdated(): void {
    this.#quiet = this.now.talk.microphoneTrouble !== null;
    this.#stage?.focus();
  }

  get #stage(): KhStage | null {
    return this.renderRoot.querySelector("kh-stage");
  }

  #chat(lines: readonly ChatEntry[]): TemplateResult {
    return html`<div class="beside" slot="side">
      <div class="card"><kh-card .card=${this.now.call?.card ?? null}></kh-card></div>
      <kh-chat
        .lines=${lines}
        .deliver=${this.#deliver}
        @close=${() => this.#showChat(false)}
      ></kh-chat>
    </div>`;
  }

  #lines(): ChatEntry[] {
    return this.now.chat.map(({ n, side, text, picture }) => ({
      n,
      own: side === "buyer",
      text,
      picture: picture === null ? null : this.buyer.pictures.address(picture),
    }));
  }

  #toast(): TemplateResult | typeof nothing {
    const { cameraTrouble, microphoneTrouble } = this.now.talk;
    if (cameraTrouble === null && (microphoneTrouble === null || this.#quiet)) return nothing;
    return html`<div class="notice toast" role="alert">
      <span>${cameraTrouble === null ? say(`microphone_${microphoneTrouble ?? "failed"}`) : say(`camera_${cameraTrouble}`)}</span>
      <button aria-label=${say("close")} @click=${this.#dismiss}><kh-icon name="close"></kh-icon></button>
    </div>`;
  }

  #act(act: string): void {
    const { buyer } = this;
    const { talk } = this.now;
    switch (act) {
      case "mute":
        if (talk.microphone) buyer.mute(!talk.muted);
        else {
          this.#quiet = false;
          void buyer.openMicrophone();
        }
        break;
      case "camera":
        if (talk.camera) void buyer.cameraOff();
        else if (buyer.cameraAgreed) void buyer.cameraOn();
        else this.renderRoot.querySelector<HTMLDialogElement>("#confirm")?.showModal();
        break;
      case "switch":
        void buyer.switchCamera();
        break;
      case "voice":
        buyer.setVoiceOnly(!talk.voiceOnly);
        break;
      case "chat":
        this.#showChat(!this.chatOpen);
        break;
      default:
        this.dispatchEvent(new CustomEvent(act));
    }
  }

  readonly #deliver = (what: string | File): Promise<void> =>
    typeof what === "string" ? this.buyer.say(what) : this.buyer.sendPicture(what);

  #showChat(open: boolean): void {
    this.chatOpen = open;
    void this.updateComplete.then(() => {
      if (open) this.renderRoot.querySelector("kh-chat")?.focus();
      else this.#stage?.focusAct("chat");
    });
  }

  readonly #confirmed = (event: Event): void => {
    if ((event.target as HTMLDialogElement).returnValue === "yes") void this.buyer.cameraOn();
  };

  readonly #escape = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.chatOpen) this.#showChat(false);
  };

  readonly #dismiss = (): void => {
    this.#quiet = true;
    this.buyer.dismissTrouble();
  };
}
