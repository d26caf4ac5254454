/** An agent's desk: on duty, rung, talking, writing up. */
import type { DeclineWhy, Media, Outcome, Welcome } from "../protocol/messages";
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

export class AgentDesk extends Page<AgentState> {
  #foreground = true;
  readonly #stopBeating: () => void;

  constructor(around: Omit<Surroundings, "side">, mine?: string) {
    super({ ...around, side: "agent" }, { ...emptyPage, duty: false, accepting: false, refused: null, wrapping: null }, mine);
    this.#stopBeating = every(around.timers, BEAT, () => this.#beat());
  }

  get carries(): string | undefined {
    const { call } = this.state;
    return call !== null && call.here && call.answered_at !== null && call.state !== "ended" ? call.call : undefined;
  }

  override close(): void {
    this.#stopBeating();
    super.close();
  }

  setDuty(duty: boolean): void {
    this.set({ duty });
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
    // the devices open while the server decides; an answer does not wait for them
    void (media === "video" ? this.talk.openBoth("environment") : this.talk.openMicrophone());
    this.mine = call;
    const accepted = this.link.ask({ type: "call.accept", call, media });
    this.talk.rejoin(call);
    try {
      await accepted;
    } catch (error) {
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

  async wrapUp(outcome: Outcome, note: string): Promise<void> {
    const call = this.state.wrapping;
    if (call === null) return;
    await this.link.ask({ type: "call.wrap_up", call, outcome, note });
    this.set({ wrapping: null });
  }

  protected override welcomed(welcome: Welcome): void {
    super.welcomed(welcome);
    this.#beat();
    if (this.mine !== undefined && welcome.live[0] === this.mine && !this.state.talk.microphone) {
      void (this.state.call?.answer === "voice" ? this.talk.openMicrophone() : this.talk.openBoth("environment"));
    }
  }

  protected override changed(before: PageState): void {
    super.changed(before);
    const { call } = this.state;
    const ended = call?.state === "ended" && before.call?.state !== "ended";
    if (call !== null && ended && call.here && call.answered_at !== null) this.set({ wrapping: call.call });
    if (call?.state === "ringing" && before.call?.call !== call.call) this.set({ wrapping: null, refused: null });
  }

  #beat(): void {
    if (this.link.state === "up") {
      this.link.send({ type: "presence.beat", duty: this.state.duty, foreground: this.#foreground });
    }
  }
}
