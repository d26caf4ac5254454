import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { AgentDesk, AgentState } from "../core";
import type { DeclineWhy, Media, Outcome } from "../protocol/messages";
import "../ui/kh-card";
import "../ui/kh-chat";
import type { ChatEntry } from "../ui/kh-chat";
import "../ui/kh-stage";
import type { StageAct } from "../ui/kh-stage";
import { shared } from "../ui/styles";
import { say } from "../words";
import { api, type CallSummary, type Me } from "./api";
import "./kh-home";
import "./kh-ring";
import "./kh-sign-in";
import "./kh-wrap-up";
import type { Ringer } from "./ringer";

/** The merchant's console: chooses the screen that fits the state, rings, and nothing else. */
@customElement("kh-console")
export class KhConsole extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        height: 100dvh;
        background: var(--paper);
      }
      kh-stage {
        height: 100dvh;
      }
      .beside {
        display: grid;
        grid-template-rows: auto 1fr;
        min-height: 0;
      }
      .card {
        padding: 16px 20px;
        border-bottom: 1px solid var(--line);
        display: grid;
        gap: 8px;
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
    `,
  ];

  @property({ attribute: false }) ringer!: Ringer;
  @property({ attribute: false }) start!: (me: Me) => AgentDesk;
  @property() invite = "";
  @state() private me: Me | null = null;
  @state() private asked = false;
  @state() private desk: AgentDesk | null = null;
  @state() private now: AgentState | null = null;
  @state() private calls: readonly CallSummary[] = [];
  @state() private chatOpen = false;
  @state() private tick = Date.now();
  @state() private toast = "";
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => (this.tick = Date.now()), 1_000);
    if (this.invite === "") void this.#whoAmI();
    else this.asked = true;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  override render(): TemplateResult | typeof nothing {
    if (this.me === null || this.now === null) {
      if (!this.asked) return nothing;
      return html`<kh-sign-in .invite=${this.invite} @entered=${(event: CustomEvent<Me>) => this.#entered(event.detail)}></kh-sign-in>
        ${this.#toast()}`;
    }
    return html`${this.#screen(this.now)}${this.#toast()}`;
  }

  override updated(changed: PropertyValues): void {
    super.updated(changed);
    const stage = this.renderRoot.querySelector("kh-stage");
    if (stage !== null && changed.has("now") && !this.#inCall(changed.get("now") as AgentState | null)) {
      void stage.updateComplete.then(() => stage.renderRoot.querySelector<HTMLElement>("h1")?.focus());
    }
  }

  #screen(now: AgentState): TemplateResult {
    const { call } = now;
    if (call !== null && this.#inCall(now) && !now.elsewhere) return this.#stage(now);
    if (now.wrapping !== null && call?.state === "ended") {
      return html`<kh-wrap-up
        .call=${call}
        @wrap=${(event: CustomEvent<{ outcome: Outcome; note: string }>) => void this.#wrap(event.detail.outcome, event.detail.note)}
      ></kh-wrap-up>`;
    }
    const rings = this.#rings(now);
    return html`
      <kh-home
        ?inert=${rings}
        .me=${this.me}
        .desk=${now.desk}
        ?duty=${now.duty}
        ?lineUp=${now.line === "up"}
        .calls=${this.calls}
        now=${this.tick}
        @duty=${(event: CustomEvent<boolean>) => this.#duty(event.detail)}
        @sign-out=${(event: CustomEvent<boolean>) => void this.#signOut(event.detail)}
      ></kh-home>
      ${rings
        ? html`<kh-ring
            .call=${call}
            now=${this.tick + now.ahead}
            ?busy=${now.accepting}
            @accept=${(event: CustomEvent<Media>) => void this.desk?.accept(event.detail)}
            @decline=${(event: CustomEvent<DeclineWhy>) => void this.desk?.decline(event.detail)}
          ></kh-ring>`
        : nothing}
    `;
  }

  #stage(now: AgentState): TemplateResult {
    const { call, talk } = now;
    const muted = talk.muted || !talk.microphone;
    const acts: StageAct[] = [
      { act: "mute", icon: muted ? "mic-off" : "mic", label: say(muted ? "unmute" : "mute"), pressed: muted },
      { act: "camera", icon: talk.camera ? "camera" : "camera-off", label: say(talk.camera ? "camera_off" : "camera_on"), pressed: talk.camera },
      { act: "switch", icon: "switch", label: say("switch_camera") },
      { act: "chat", icon: "chat", label: say("chat"), pressed: this.chatOpen },
    ];
    return html`<kh-stage
      name=${say("buyer")}
      about=${call?.card.title ?? ""}
      .remote=${talk.remote}
      ?remoteShown=${talk.remoteVideo && now.consents?.camera === true}
      remoteOff=${say(talk.media === "connecting" ? "connecting" : talk.remoteAudio ? "buyer_camera_off" : "buyer_listens")}
      .own=${talk.own}
      ownLabel=${say("own_picture")}
      line=${this.#line(now)}
      .acts=${acts}
      hangUp=${say("hang_up")}
      ?panel=${this.chatOpen}
      @act=${(event: CustomEvent<string>) => this.#act(event.detail)}
    >
      ${this.chatOpen
        ? html`<div class="beside" slot="side">
            <div class="card"><h2>${say("about_what")}</h2><kh-card .card=${call?.card ?? null}></kh-card></div>
            <kh-chat
              .lines=${this.#chat(now)}
              .words=${{ title: say("chat"), empty: say("chat_empty"), say: say("chat_say"), send: say("send"), picture: say("send_picture"), close: say("close") }}
              @say=${(event: CustomEvent<string>) => void this.#write(() => this.desk?.say(event.detail))}
              @picture=${(event: CustomEvent<File>) => void this.#write(() => this.desk?.sendPicture(event.detail))}
              @close=${() => (this.chatOpen = false)}
            ></kh-chat>
          </div>`
        : nothing}
    </kh-stage>`;
  }

  #toast(): TemplateResult | typeof nothing {
    const trouble = this.now?.talk.cameraTrouble ?? null;
    const microphone = this.now?.talk.microphoneTrouble ?? null;
    const text =
      this.toast !== ""
        ? this.toast
        : trouble !== null
          ? say(`camera_${trouble}`)
          : microphone !== null
            ? say(`microphone_${microphone}`)
            : "";
    if (text === "") return nothing;
    return html`<div class="notice toast" role="alert">
      <span>${text}</span>
      <button aria-label=${say("close")} @click=${this.#dismiss}><kh-icon name="close"></kh-icon></button>
    </div>`;
  }

  #line(now: AgentState): string {
    if (now.call?.missing.includes("buyer") === true) return say("buyer_away");
    if (now.talk.media === "stalled") return say("media_stalled");
    return "";
  }

  #chat(now: AgentState): ChatEntry[] {
    return now.chat.map(({ n, side, text, picture }) => ({
      n,
      own: side === "agent",
      text,
      picture: picture === null ? null : (this.desk?.pictures.address(picture) ?? null),
    }));
  }

  #inCall(now: AgentState | null | undefined): boolean {
    const call = now?.call;
    return call != null && call.here && ["connecting", "talking", "broken"].includes(call.state);
  }

  #rings(now: AgentState): boolean {
    return now.call?.state === "ringing" && now.call.here;
  }

  async #whoAmI(): Promise<void> {
    try {
      this.#entered(await api.me());
    } catch {
      this.asked = true;
    }
  }

  #entered(me: Me): void {
    this.me = me;
    this.toast = "";
    const desk = this.start(me);
    this.desk = desk;
    this.now = desk.state;
    desk.subscribe((now) => this.#changed(now));
    void this.#list();
  }

  #changed(now: AgentState): void {
    const before = this.now;
    this.now = now;
    if (this.#rings(now)) this.ringer.start(say("rings_title"));
    else this.ringer.stop();
    if (now.call?.state !== before?.call?.state || now.call?.call !== before?.call?.call) void this.#list();
    if (this.#inCall(now) && !this.#inCall(before)) this.chatOpen = matchMedia("(width >= 900px)").matches;
    if (now.call?.here === false && before?.call?.here === true && now.call.state === "connecting") {
      this.toast = say("on_other_device");
    }
    if (now.refused !== null && before?.refused !== now.refused) this.toast = say("accept_late");
    if (now.ended === "signed_out" || (typeof now.ended === "object" && now.ended !== null)) {
      this.toast = say("signed_out");
      this.#leave();
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
    this.desk?.setDuty(duty);
  }

  #act(act: string): void {
    const { desk, now } = this;
    if (desk === null || now === null) return;
    if (act === "mute") {
      if (now.talk.microphone) desk.mute(!now.talk.muted);
      else void desk.openMicrophone();
    } else if (act === "camera") void (now.talk.camera ? desk.cameraOff() : desk.cameraOn());
    else if (act === "switch") void desk.switchCamera();
    else if (act === "chat") this.chatOpen = !this.chatOpen;
    else if (act === "hang-up") void desk.hangUp();
  }

  async #write(send: () => Promise<void> | undefined): Promise<void> {
    try {
      await send();
    } catch {
      this.toast = say("picture_failed");
    }
  }

  async #wrap(outcome: Outcome, note: string): Promise<void> {
    await this.desk?.wrapUp(outcome, note);
    await this.#list();
  }

  async #signOut(everywhere: boolean): Promise<void> {
    await (everywhere ? api.signOutEverywhere() : api.signOut());
    this.#leave();
  }

  #leave(): void {
    this.desk?.close();
    this.ringer.stop();
    this.desk = null;
    this.me = null;
    this.now = null;
    this.invite = "";
    this.asked = true;
  }

  readonly #dismiss = (): void => {
    this.toast = "";
    this.desk?.dismissTrouble();
  };
}
