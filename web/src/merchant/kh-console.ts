import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { type AgentDesk, type AgentState, Refusal } from "../core";
import { every, type Timers } from "../core/clock";
import type { DeclineWhy, Media } from "../protocol/messages";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { say } from "../words";
import { api, type CallSummary, type Me } from "./api";
import "./kh-conversation";
import "./kh-home";
import "./kh-ring";
import "./kh-sign-in";
import type { WrapUp } from "./kh-wrap-up";
import "./kh-wrap-up";
import type { ReachAct, Tried } from "./kh-reach";
import type { Reach } from "./reach";
import type { Ringer } from "./ringer";

/** What stands on the screen; the focus moves to the heading of each as it comes. */
type Screen = "sign-in" | "home" | "ring" | "conversation" | "wrap-up";

/** A ring whose time has passed by this long is over, even if the line is down and nobody says so. */
const RING_OVER = 1_000;

/** So long a call that was answered by a notification may take to show up here; later, it is over. */
const ANSWERED_WITHIN = 8_000;

/**
 * The merchant's console: chooses the screen that fits the state, rings, and nothing else.
 *
 * @fires signed-out - here or from another device
 */
@customElement("kh-console")
export class KhConsole extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        min-height: 100dvh;
        background: var(--paper);
      }
      .toast {
        position: fixed;
        inset: auto 16px 24px;
        margin: 0 auto;
        max-width: 440px;
        z-index: 6;
        box-shadow: var(--shadow);
        display: flex;
        justify-content: space-between;
        align-items: center;
        gap: 8px;
      }
      .in-call {
        inset: 76px 16px auto;
      }
    `,
  ];

  @property({ attribute: false }) ringer!: Ringer;
  @property({ attribute: false }) timers!: Timers;
  /** Takes a place at the desk for who signed in. */
  @property({ attribute: false }) start!: (me: Me) => AgentDesk;
  /** The secret of an invitation's link. */
  @property() invite = "";
  /** The secret of a link that was sent with a ring, and the knock that it came with. */
  @property() link = "";
  @property() knock = "";
  @property({ attribute: false }) reach!: Reach;
  @state() private me: Me | null = null;
  @state() private asked = false;
  @state() private now: AgentState | null = null;
  @state() private calls: readonly CallSummary[] = [];
  @state() private toast = "";
  @state() private wrapTrouble = "";
  @state() private tried: Tried = "no";
  /** The call that a tap on a notification has answered, and until when it may show up. */
  #answered: { readonly call: string; readonly until: number } | null = null;
  #desk: AgentDesk | null = null;
  #stopListening: () => void = () => undefined;
  #stopTicking: () => void = () => undefined;
  #shown: Screen | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stopTicking = every(this.timers, 1_000, () => {
      this.requestUpdate();
      this.#sound();
      if (this.#answered !== null && this.timers.now() > this.#answered.until) this.#answerLate();
    });
    if (this.invite === "") void this.#whoAmI();
    else this.asked = true;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stopTicking();
    this.#leave();
  }

  override render(): TemplateResult | typeof nothing {
    const { me, now } = this;
    if (me === null || now === null) {
      if (!this.asked) return nothing;
      return html`<kh-sign-in .invite=${this.invite} @entered=${(event: CustomEvent<Me>) => this.#entered(event.detail)}></kh-sign-in>
        ${this.#toast(now)}`;
    }
    return html`${this.#content(me, now)}${this.#toast(now)}`;
  }

  override updated(changed: PropertyValues): void {
    super.updated(changed);
    const screen = this.#screen();
    const before = this.#shown;
    this.#shown = screen;
    // the others take the focus as they come; the home screen stays below and has to be given it back
    if (screen === "home" && before !== null && before !== "home") this.renderRoot.querySelector("kh-home")?.focus();
  }

  #screen(): Screen {
    const { now } = this;
    if (this.me === null || now === null) return "sign-in";
    if (inCall(now) && !now.elsewhere) return "conversation";
    if (now.wrapping !== null && now.call?.state === "ended") return "wrap-up";
    return this.#rings(now) ? "ring" : "home";
  }

  #content(me: Me, now: AgentState): TemplateResult {
    const screen = this.#screen();
    if (screen === "conversation") return this.#conversation(now);
    if (screen === "wrap-up") {
      return html`<kh-wrap-up
        .call=${now.call}
        trouble=${this.wrapTrouble}
        @wrap=${(event: CustomEvent<WrapUp>) => void this.#wrap(event.detail)}
      ></kh-wrap-up>`;
    }
    return html`
      <kh-home
        ?inert=${screen === "ring"}
        .me=${me}
        .desk=${now.desk}
        ?duty=${now.duty}
        ?silent=${this.ringer.silent}
        line=${now.line}
        .calls=${this.calls}
        reach=${this.reach.state}
        tried=${this.tried}
        @reach=${(event: CustomEvent<ReachAct>) => void this.#reach(event.detail)}
        now=${this.timers.now() + now.ahead}
        @duty=${(event: CustomEvent<boolean>) => this.#duty(event.detail)}
        @unlock=${this.#unlock}
        @sign-out=${(event: CustomEvent<boolean>) => void this.#signOut(event.detail)}
        @connect=${() => this.#entered(me)}
      ></kh-home>
      ${screen === "ring" ? this.#ring(now) : nothing}
    `;
  }

  #ring(now: AgentState): TemplateResult {
    return html`<kh-ring
      .call=${now.call}
      now=${this.timers.now() + now.ahead}
      ?busy=${now.accepting}
      @accept=${(event: CustomEvent<Media>) => void this.#do((desk) => desk.accept(event.detail))}
      @decline=${(event: CustomEvent<DeclineWhy>) => void this.#do((desk) => desk.decline(event.detail))}
    ></kh-ring>`;
  }

  #conversation(now: AgentState): TemplateResult {
    return html`<kh-conversation
      .now=${now}
      .address=${this.#address}
      .deliver=${this.#deliver}
      @act=${(event: CustomEvent<string>) => this.#act(event.detail)}
    ></kh-conversation>`;
  }

  #toast(now: AgentState | null): TemplateResult | typeof nothing {
    const text = this.toast === "" ? deviceTrouble(now) : this.toast;
    if (text === "") return nothing;
    const place = this.#screen() === "conversation" ? "in-call" : "";
    return html`<div class="notice toast ${place}" role="status">
      <span>${text}</span>
      <button aria-label=${say("close")} @click=${this.#dismiss}><kh-icon name="close"></kh-icon></button>
    </div>`;
  }

  /** Whether this device is rung now. */
  #rings({ call, ahead }: AgentState): boolean {
    if (call?.state !== "ringing" || !call.here) return false;
    return call.due === null || this.timers.now() + ahead < call.due + RING_OVER;
  }

  #sound(): void {
    if (this.now !== null && this.#rings(this.now)) this.ringer.start(say("rings_title"));
    else this.ringer.stop();
  }

  async #whoAmI(): Promise<void> {
    try {
      this.#entered(this.link === "" ? await api.me() : await this.#follow());
      if (this.knock !== "") void api.heard(this.knock).catch(() => undefined); // it rings here, or it is over
    } catch (error) {
      if (!(error instanceof Refusal)) this.toast = say("no_server");
      else if (error.code === "link_spent") this.toast = say("link_spent");
      this.asked = true;
    }
  }

  /** A link that lets nobody in any more does no harm to who is signed in. */
  async #follow(): Promise<Me> {
    try {
      return await api.follow(this.link);
    } catch (spent) {
      return api.me().catch(() => Promise.reject(spent as Error));
    }
  }

  #entered(me: Me): void {
    this.#leave();
    this.me = me;
    this.toast = "";
    const desk = this.start(me);
    this.#desk = desk;
    this.now = desk.state;
    this.#stopListening = desk.subscribe((now) => this.#changed(now));
    void this.#list();
    void this.#refreshReach(desk);
  }

  /** Accepts a call as soon as it rings here: a tap on its notification has said so. */
  answer(call: string): void {
    this.#answered = { call, until: this.timers.now() + ANSWERED_WITHIN };
    if (this.now !== null) this.#answer(this.now);
  }

  #answer({ call }: AgentState): void {
    if (call === null || call.call !== this.#answered?.call) return;
    if (call.state === "ringing" && call.here) {
      this.#answered = null;
      void this.#do((desk) => desk.accept(call.media));
    } else {
      this.#answerLate();
    }
  }

  #answerLate(): void {
    this.#answered = null;
    if (this.me !== null) this.toast = say("accept_late");
  }

  /** Who is on duty by her telephone alone is on duty here too, once she opens the page. */
  async #refreshReach(desk: AgentDesk): Promise<void> {
    try {
      if ((await this.reach.refresh()) && desk === this.#desk) desk.setDuty(true);
    } catch {
      // the line is down: nothing is offered, and the next start asks again
    }
  }

  async #reach(act: ReachAct): Promise<void> {
    this.tried = "no";
    if (act === "on") await this.reach.switchOn();
    else if (act === "off") await this.reach.switchOff();
    else this.tried = await this.reach.tryIt().then(() => "sent" as const, () => "failed" as const);
  }

  #changed(now: AgentState): void {
    const before = this.now;
    this.now = now;
    this.#sound();
    const rang = before?.call?.state === "ringing" && before.call.here ? before.call.call : null;
    if (rang !== null && !(now.call?.call === rang && now.call.state === "ringing")) void this.reach.hush(rang);
    this.#answer(now);
    if (now.call?.state !== before?.call?.state || now.call?.call !== before?.call?.call) {
      if (now.call?.state === "ringing") this.toast = "";
      void this.#list();
    }
    const answered = now.call?.state === "connecting" && !now.call.here && before?.call?.here === true;
    if (answered) this.toast = say("on_other_device");
    if (now.refused !== null && before?.refused !== now.refused) this.toast = say("accept_late");
    if (now.ended === "signed_out" || now.ended instanceof Refusal) {
      this.#leave();
      this.asked = true;
      this.toast = say("signed_out");
      this.dispatchEvent(new CustomEvent("signed-out"));
    }
  }

  async #list(): Promise<void> {
    try {
      this.calls = await api.calls();
    } catch {
      // the line is down; the list is read again with the next change
    }
  }

  #duty(duty: boolean): void {
    this.ringer.unlock();
    this.#desk?.setDuty(duty);
  }

  readonly #unlock = (): void => {
    this.ringer.unlock();
    this.requestUpdate();
  };

  #act(act: string): void {
    const talk = this.now?.talk;
    if (act === "mute" && talk?.microphone === true) this.#desk?.mute(!talk.muted);
    else if (act === "mute") void this.#do((desk) => desk.openMicrophone());
    else if (act === "camera") void this.#do((desk) => (talk?.camera === true ? desk.cameraOff() : desk.cameraOn()));
    else if (act === "switch") void this.#do((desk) => desk.switchCamera());
    else if (act === "hang-up") this.#desk?.hangUp();
  }

  /** Does something at the desk; what goes wrong is told in words. */
  async #do(work: (desk: AgentDesk) => Promise<unknown>): Promise<void> {
    const desk = this.#desk;
    if (desk === null) return;
    try {
      await work(desk);
    } catch (error) {
      if (desk !== this.#desk) return;
      // what can no longer be done has been overtaken by events, and the next view shows by which
      if (!(error instanceof Refusal && (error.code === "not_now" || error.code === "not_yours"))) this.toast = say("went_wrong");
    }
  }

  async #wrap({ call, outcome, note }: WrapUp): Promise<void> {
    this.wrapTrouble = "";
    try {
      await this.#desk?.wrapUp(call, outcome, note);
      await this.#list();
    } catch {
      if (this.now?.wrapping === call) this.wrapTrouble = say("went_wrong");
      else this.toast = say("note_failed");
    }
  }

  async #signOut(everywhere: boolean): Promise<void> {
    try {
      await (everywhere ? api.signOutEverywhere() : api.signOut());
    } catch (error) {
      if (!(error instanceof Refusal)) {
        this.toast = say("no_server");
        return;
      }
    }
    this.#leave();
    this.dispatchEvent(new CustomEvent("signed-out"));
  }

  #leave(): void {
    this.#stopListening();
    this.#stopListening = () => undefined;
    const desk = this.#desk;
    this.#desk = null;
    desk?.close();
    this.ringer.stop();
    this.me = null;
    this.now = null;
    this.calls = [];
    this.invite = "";
    this.asked = true;
  }

  readonly #address = (picture: string): Promise<string> =>
    this.#desk?.pictures.address(picture) ?? Promise.reject(new Error("signed out"));

  readonly #deliver = async (what: string | File): Promise<void> => {
    await (typeof what === "string" ? this.#desk?.say(what) : this.#desk?.sendPicture(what));
  };

  readonly #dismiss = (): void => {
    this.toast = "";
    this.#desk?.dismissTrouble();
  };
}

function inCall({ call }: AgentState): boolean {
  return call !== null && call.here && ["connecting", "talking", "broken"].includes(call.state);
}

/** Why this side's microphone or camera is not there, and how to go on without it. */
function deviceTrouble(now: AgentState | null): string {
  const { microphoneTrouble = null, cameraTrouble = null } = now?.talk ?? {};
  if (microphoneTrouble !== null) return `${say(`microphone_${microphoneTrouble}`)}${say("microphone_go_on")}`;
  return cameraTrouble === null ? "" : say(`camera_${cameraTrouble}`);
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-console": KhConsole;
  }
}
