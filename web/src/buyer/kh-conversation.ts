import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { BuyerCall, BuyerState } from "../core";
import "../ui/kh-card";
import "../ui/kh-chat";
import type { ChatEntry } from "../ui/kh-chat";
import "../ui/kh-icon";
import "../ui/kh-stage";
import { shared } from "../ui/styles";
import { say } from "../words";
import { lineInWords, mainActs, moreActs } from "./acts";

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
      .beside {
        display: grid;
        grid-template-rows: auto 1fr;
        min-height: 0;
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
  @state() private chatFailed = false;
  /** Up to which line of the chat the buyer has seen it. */
  #seen = 0;

  override render(): TemplateResult {
    const { call, chat, talk } = this.now;
    const last = chat.at(-1)?.n ?? 0;
    if (this.chatOpen) this.#seen = last;
    return html`
      <kh-stage
        name=${`${call?.merchant.name ?? ""} · ${call?.agent?.name ?? ""}`}
        about=${call?.card.title ?? ""}
        .remote=${talk.remote}
        ?remoteShown=${talk.remoteVideo && !talk.voiceOnly && talk.media !== "connecting"}
        remoteOff=${say(talk.media === "connecting" ? "connecting" : talk.voiceOnly ? "voice_only" : "their_camera_off")}
        .own=${talk.own}
        ownLabel=${say("own_picture")}
        line=${lineInWords(this.now)}
        .acts=${mainActs(talk, this.chatOpen, last > this.#seen)}
        .more=${moreActs(talk, this.framed)}
        hangUp=${say("hang_up")}
        restore=${say("show_picture")}
        ?panel=${this.chatOpen}
        ?small=${this.small}
        @act=${(event: CustomEvent<string>) => this.#act(event.detail)}
        @keydown=${this.#escape}
      >
        ${this.chatOpen ? this.#chat() : nothing}
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
    const stage = this.renderRoot.querySelector("kh-stage");
    void stage?.updateComplete.then(() => stage.renderRoot.querySelector<HTMLElement>("h1")?.focus());
  }

  #chat(): TemplateResult {
    return html`<div class="beside" slot="side">
      <div class="card"><kh-card .card=${this.now.call?.card ?? null}></kh-card></div>
      <kh-chat
        .lines=${this.#lines()}
        .words=${{ title: say("chat"), empty: say("chat_empty"), say: say("chat_say"), send: say("send"), picture: say("send_picture"), close: say("close") }}
        @say=${(event: CustomEvent<string>) => void this.#write(() => this.buyer.say(event.detail))}
        @picture=${(event: CustomEvent<File>) => void this.#write(() => this.buyer.sendPicture(event.detail))}
        @close=${() => (this.chatOpen = false)}
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
    const trouble = this.now.talk.cameraTrouble;
    const text = trouble !== null ? say(`camera_${trouble}`) : this.chatFailed ? say("picture_failed") : "";
    if (text === "") return nothing;
    return html`<div class="notice toast" role="alert">
      <span>${text}</span>
      <button aria-label=${say("close")} @click=${this.#dismiss}><kh-icon name="close"></kh-icon></button>
    </div>`;
  }

  #act(act: string): void {
    const { buyer } = this;
    const { talk } = this.now;
    switch (act) {
      case "mute":
        if (talk.microphone) buyer.mute(!talk.muted);
        else void buyer.openMicrophone();
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
        this.chatOpen = !this.chatOpen;
        break;
      default:
        this.dispatchEvent(new CustomEvent(act));
    }
  }

  async #write(send: () => Promise<void>): Promise<void> {
    this.chatFailed = false;
    try {
      await send();
    } catch {
      this.chatFailed = true;
    }
  }

  readonly #confirmed = (event: Event): void => {
    if ((event.target as HTMLDialogElement).returnValue === "yes") void this.buyer.cameraOn();
  };

  readonly #escape = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.chatOpen = false;
  };

  readonly #dismiss = (): void => {
    this.chatFailed = false;
    this.buyer.dismissTrouble();
  };
}
