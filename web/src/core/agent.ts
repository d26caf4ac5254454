/** An agent's desk: on duty, rung, talking, writing up. */
import type { DeclineWhy, Media, Outcome, ServerMessage, Welcome } from "../protocol/messages";
import { every } from "./clock";
import { emptyPage, Page, type PageState, type Surroundings } from "./page";
import { Refusal } from "./refusal";

export interface AgentState extends PageState {
  /** The switch on this device. */
  readonly duty: boolean;
  readonly accepting: boolean;
  readonly refused: Refusal | null;
  /** The call that has ended and still wants a note. */
  readonly wrapping: string | null;
}

const BEAT = 15_000;
/** What the screen is kept awake for: a page that sleeps does not ring. */
const LOCK = "duty";

export class AgentDesk extends Page<AgentState> {
  #foreground = true;
  /** The call whose ring this page has said that it shows. */
  #heard: string | undefined;
  /** The call whose devices were opened on this page. */
  #opened: string | undefined;
  readonly #stopBeating: () => void;

  /** `mine` and `duty` are what this page carried before it was reloaded. */
  constructor(around: Omit<Surroundings, "side">, mine?: string, duty = false) {
    super({ ...around, side: "agent" }, { ...emptyPage, duty: false, accepting: false, refused: null, wrapping: null }, mine);
    this.setDuty(duty);
    this.#stopBeating = every(around.timers, BEAT, () => this.#beat());
  }

  get carries(): string | undefined {
    const { call } = this.state;
    return call !== null && call.here && call.answered_at !== null && call.state !== "ended" ? call.call : undefined;
  }

  override close(): void {
    this.#stopBeating();
    this.around.lock.release(LOCK);
    super.close();
  }

  setDuty(duty: boolean): void {
    this.set({ duty });
    if (duty) this.around.lock.hold(LOCK);
    else this.around.lock.release(LOCK);
    this.#beat();
  }

  /** Whether the page can be seen now. */
  setForeground(foreground: boolean): void {
    this.#foreground = foreground;
    this.#beat();
  }

  async accept(media: Media): Promise<void> {
    const call = this.state.call?.call;
    if (call === undefined) return;
    this.around.mark("kanhuo:accept");
    this.set({ accepting: true, refused: null });
    this.mine = call;
    // the devices open while the server decides; an answer does not wait for them
    this.#openDevices(call, media);
    const accepted = this.link.ask({ type: "call.accept", call, media });
    this.talk.rejoin(call);
    try {
      await accepted;
    } catch (error) {
      this.mine = undefined;
      this.talk.end();
      if (error instanceof Refusal) this.set({ refused: error });
      else throw error;
    } finally {
      this.set({ accepting: false });
    }
  }

  async decline(why: DeclineWhy): Promise<void> {
    const call = this.state.call?.call;
    if (call !== undefined) await this.link.ask({ type: "call.decline", call, why });
  }

  async cameraOn(): Promise<boolean> {
    return this.talk.openCamera("environment");
  }

  async cameraOff(): Promise<void> {
    await this.talk.closeCamera();
  }

  async switchCamera(): Promise<void> {
    await this.talk.switchCamera();
  }

  async openMicrophone(): Promise<boolean> {
    return this.talk.openMicrophone();
  }

  async wrapUp(call: string, outcome: Outcome, note: string): Promise<void> {
    await this.link.ask({ type: "call.wrap_up", call, outcome, note });
    if (this.state.wrapping === call) this.set({ wrapping: null });
  }

  protected override welcomed(welcome: Welcome): void {
    super.welcomed(welcome);
    this.#beat();
  }

  protected override nudged(): void {
    this.#beat();
  }

  protected override hear(message: Exclude<ServerMessage, Welcome>): void {
    super.hear(message);
    if (message.type === "presence.off_duty") this.setDuty(false);
  }

  protected override changed(before: PageState): void {
    super.changed(before);
    const { call } = this.state;
    const ended = call?.state === "ended" && before.call?.state !== "ended";
    if (call !== null && ended && call.here && call.answered_at !== null) this.set({ wrapping: call.call });
    if (call?.state === "ringing" && before.call?.call !== call.call) this.set({ wrapping: null, refused: null });
    if (call?.state === "ringing" && call.here) this.#acknowledge(call.call);
    const goesOn = call !== null && call.state !== "ended" && call.call === this.mine && !this.state.elsewhere;
    if (goesOn && call.answer !== null) this.#openDevices(call.call, call.answer);
  }

  /** Says once that the ring is shown here; what comes too late to be of use is refused, and that is all right. */
  #acknowledge(call: string): void {
    if (this.#heard === call) return;
    this.#heard = call;
    this.link.ask({ type: "call.heard", call }).catch(() => undefined);
  }

  /** Opens what the call was accepted with, once on a page: what is switched off later stays off. */
  #openDevices(call: string, answer: Media): void {
    if (this.#opened === call) return;
    this.#opened = call;
    void (answer === "voice" ? this.talk.openMicrophone() : this.talk.openBoth("environment"));
  }

  #beat(): void {
    if (this.link.state === "up") {
      this.link.send({ type: "presence.beat", duty: this.state.duty, foreground: this.#foreground });
    }
  }
}
