import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { BuyerCall, BuyerState } from "../core";
import type { Media, RatingWhy, Reason } from "../protocol/messages";
import { shared } from "../ui/styles";
import { hoursInWords, say, type Word } from "../words";
import { asksForMicrophone, mayPass, refusalInWords } from "./acts";
import "./kh-after";
import "./kh-conversation";
import "./kh-notice";
import "./kh-precall";
import "./kh-waiting";

/** Ends after which somebody may be there another time. */
const LATER: ReadonlySet<Reason> = new Set(["queue_timeout", "declined", "no_answer"]);

type Step = "sheet" | "asking_microphone" | "no_microphone" | "unsupported";

/**
 * The buyer's page: chooses the screen that fits the state, and nothing else.
 *
 * @fires minimise - the buyer wants to go on browsing
 * @fires restore
 * @fires reload - the line was refused, and may be had by a page that begins anew
 * @fires leave - back to the shop
 */
@customElement("kh-buyer")
export class KhBuyer extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        height: 100dvh;
        background: var(--paper);
      }
      .room {
        min-height: 100dvh;
        display: grid;
        align-items: end;
      }
      .sheet {
        position: relative;
        width: min(100%, 460px);
        margin: 0 auto;
        background: var(--sheet);
        padding: 28px 20px max(24px, env(safe-area-inset-bottom));
        border-radius: var(--radius-sheet) var(--radius-sheet) 0 0;
        box-shadow: var(--shadow);
      }
      .restore {
        width: 100%;
        height: 100%;
        flex-direction: column;
        border-radius: 0;
        background: var(--sheet);
      }
      .close {
        position: absolute;
        top: 8px;
        right: 8px;
        padding: 0;
        z-index: 1;
      }
      @media (width >= 700px) and (height >= 600px) {
        .room {
          align-items: center;
        }
        .sheet {
          border-radius: var(--radius-sheet);
          padding: 32px 28px;
        }
      }
    `,
  ];

  @property({ type: Boolean }) framed = false;
  @property({ type: Boolean }) minimised = false;
  @property({ type: Boolean }) passMissing = false;
  /** Whether there is a page to go back to. */
  @property({ type: Boolean }) leavable = false;
  /** Where the call can be begun anew in another browser. */
  @property() address = "";
  @state() private buyer: BuyerCall | null = null;
  @state() private now: BuyerState | null = null;
  @state() private step: Step = "sheet";
  @state() private copied = false;
  @state() private opening = false;
  #media: Media = "video";
  #heading = "";

  attach(buyer: BuyerCall): void {
    this.buyer = buyer;
    this.now = buyer.state;
    buyer.subscribe((now) => (this.now = now));
  }

  override render(): TemplateResult {
    const { now } = this;
    const call = now?.call ?? null;
    if (now !== null && call !== null && !now.elsewhere && this.#inTalk(now)) {
      return html`<kh-conversation
        .buyer=${this.buyer}
        .now=${now}
        ?framed=${this.framed}
        ?small=${this.minimised}
        @hang-up=${this.#hangUp}
        @minimise=${() => this.#tell("minimise")}
        @restore=${() => this.#tell("restore")}
      ></kh-conversation>`;
    }
    if (this.minimised) {
      return html`<button class="restore" @click=${() => this.#tell("restore")}><kh-icon name="phone"></kh-icon>${say("show_call")}</button>`;
    }
    return html`<main class="room">
      <div class="sheet">
        ${this.framed
          ? html`<button class="close" aria-label=${say("close")} @click=${this.#leave}><kh-icon name="close"></kh-icon></button>`
          : nothing}
        ${this.#sheet(now)}
      </div>
    </main>`;
  }

  /** A new screen takes the focus to its heading. */
  override updated(changed: PropertyValues): void {
    super.updated(changed);
    const parts = [...this.renderRoot.querySelectorAll("kh-precall, kh-notice, kh-waiting, kh-after")];
    const part = parts[0] as (LitElement & { heading?: string }) | undefined;
    const screen = `${part?.localName ?? ""} ${part?.heading ?? ""}`;
    if (part === undefined || screen === this.#heading) return;
    this.#heading = screen;
    void part.updateComplete.then(() => part.renderRoot.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true }));
  }

  #sheet(now: BuyerState | null): TemplateResult {
    if (this.passMissing) return this.#plain("no_pass");
    if (now === null || (now.welcome === null && now.ended === null)) {
      return html`<kh-notice tone="wait" icon="clock" heading=${say("loading")}></kh-notice>`;
    }
    if (now.ended !== null) return this.#endedLine(now);
    if (now.refused !== null && now.call === null) return this.#refused(now.refused.code, this.#again);
    if (now.elsewhere || (now.call === null && now.welcome?.live[0] !== undefined)) {
      return html`<kh-notice icon="phone" heading=${say("elsewhere_title")} act=${say("take_over")} @act=${this.#takeOver}></kh-notice>`;
    }
    if (now.call?.state === "ended") return this.#after(now);
    if (now.call !== null) {
      const trouble = now.line === "reconnecting" ? say("no_line") : "";
      return html`<kh-waiting .call=${now.call} .queue=${now.queue} trouble=${trouble} @cancel=${this.#hangUp}></kh-waiting>`;
    }
    return this.#before(now);
  }

  #before(now: BuyerState): TemplateResult {
    switch (this.step) {
      case "asking_microphone":
        return html`<kh-notice icon="mic" heading=${say("mic_title")} text=${say("mic_why")}></kh-notice>`;
      case "no_microphone":
        return html`<kh-notice
          icon="mic-off"
          tone="wait"
          heading=${say("mic_refused_title")}
          text=${say(`microphone_${now.talk.microphoneTrouble ?? "failed"}`)}
          act=${say("mic_refused_go_on")}
          other=${say("try_again")}
          ?busy=${now.asking}
          @act=${() => void this.buyer?.ask(this.#media)}
          @other=${() => void this.#begin(this.#media)}
        ></kh-notice>`;
      case "unsupported":
        return html`<kh-notice
          icon="globe"
          tone="wait"
          heading=${say("unsupported_title")}
          text=${say("unsupported_why")}
          act=${say(this.copied ? "copied" : "copy_link")}
          other=${say("mic_refused_go_on")}
          ?busy=${now.asking}
          @act=${this.#copy}
          @other=${() => void this.buyer?.ask(this.#media)}
        >
          <input id="address" readonly aria-label=${say("copy_link")} .value=${this.address} @focus=${this.#select} />
        </kh-notice>`;
      case "sheet":
        return html`<kh-precall
          .merchant=${now.welcome?.merchant ?? null}
          .card=${now.welcome?.card ?? null}
          ?busy=${now.asking || this.opening}
          @ask=${(event: CustomEvent<Media>) => void this.#begin(event.detail)}
        ></kh-precall>`;
    }
  }

  #after(now: BuyerState): TemplateResult {
    const { call } = now;
    if (call === null) return html``;
    if (call.connected_at !== null) {
      return html`<kh-after
        .call=${call}
        ?rated=${now.rated}
        ?leavable=${this.leavable}
        @again=${this.#again}
        @rate=${(event: CustomEvent<{ stars: number; why: RatingWhy | null }>) =>
          void this.buyer?.rate(event.detail.stars, event.detail.why)}
        @leave=${this.#leave}
      ></kh-after>`;
    }
    const reason = call.reason ?? "no_answer";
    const cancelled = reason === "buyer_cancelled" || reason === "queue_abandoned";
    const later = LATER.has(reason);
    const hours = later ? hoursInWords(call.merchant.hours, call.merchant.zone) : [];
    return html`<kh-notice
      icon=${cancelled ? "phone" : "missed"}
      tone=${cancelled ? "calm" : "wait"}
      heading=${say(reason === "no_answer" && call.offers === 0 ? "nobody_title" : `end_${reason}`)}
      text=${later ? say("nobody_later") : reason === "media_failed" ? say("end_media_failed_why") : ""}
      act=${say("call_again")}
      other=${this.leavable ? say("back_to_shop") : ""}
      @act=${this.#again}
      @other=${this.#leave}
    >
      ${hours.length === 0
        ? nothing
        : html`<div class="stack">
            <p class="soft">${say("nobody_hours", { merchant: call.merchant.name })}</p>
            ${hours.map((line) => html`<strong>${line}</strong>`)}
          </div>`}
    </kh-notice>`;
  }

  #inTalk(now: BuyerState): boolean {
    return ["connecting", "talking", "broken"].includes(now.call?.state ?? "");
  }

  #plain(word: Word): TemplateResult {
    return html`<kh-notice icon="back" tone="wait" heading=${say(word)}></kh-notice>`;
  }

  #endedLine(now: BuyerState): TemplateResult {
    const { ended } = now;
    if (ended === "replaced" || ended === null) return this.#plain("elsewhere_title");
    return this.#refused(typeof ended === "string" ? "" : ended.code, () => this.#tell("reload"));
  }

  #refused(code: string, again: () => void): TemplateResult {
    return html`<kh-notice
      icon="clock"
      tone="wait"
      heading=${refusalInWords(code)}
      act=${mayPass(code) ? say("try_again") : ""}
      other=${this.leavable ? say("back_to_shop") : ""}
      @act=${again}
      @other=${this.#leave}
    ></kh-notice>`;
  }

  async #begin(media: Media): Promise<void> {
    const { buyer } = this;
    if (buyer === null) return;
    this.#media = media;
    this.opening = true;
    if (await asksForMicrophone()) this.step = "asking_microphone";
    const open = await buyer.openMicrophone();
    const trouble = buyer.state.talk.microphoneTrouble;
    this.step = open ? "sheet" : trouble === "unsupported" ? "unsupported" : "no_microphone";
    if (open) await buyer.ask(media);
    this.opening = false;
  }

  /** Where a page may not write to the clipboard, the address is there to be taken by hand. */
  readonly #copy = (): void => {
    this.renderRoot.querySelector<HTMLInputElement>("#address")?.focus();
    Promise.resolve(this.address)
      .then((address) => navigator.clipboard.writeText(address))
      .then(
        () => (this.copied = true),
        () => undefined,
      );
  };

  readonly #select = (event: Event): void => {
    (event.target as HTMLInputElement).select();
  };

  #tell(type: "minimise" | "restore" | "reload" | "leave"): void {
    this.dispatchEvent(new CustomEvent(type));
  }

  readonly #takeOver = (): void => this.buyer?.takeOver();
  readonly #hangUp = (): void => this.buyer?.hangUp();
  readonly #again = (): void => {
    this.step = "sheet";
    this.buyer?.startAgain();
  };
  readonly #leave = (): void => {
    this.buyer?.hangUp();
    this.#tell("leave");
  };
}
