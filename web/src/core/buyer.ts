/** A buyer's call, from tap to verdict. */
import type { CallView, Media, RatingWhy } from "../protocol/messages";
import { emptyPage, Page, type PageState, type Surroundings } from "./page";
import { Refusal } from "./refusal";
import { emptyRoom } from "./room";

export interface BuyerState extends PageState {
  /** The tap has been made and the server has not answered yet. */
  readonly asking: boolean;
  readonly refused: Refusal | null;
  readonly rated: boolean;
}

export class BuyerCall extends Page<BuyerState> {
  #cameraAgreed = false;

  /** `mine` is the call that this page carried before it was reloaded. */
  constructor(around: Omit<Surroundings, "side">, mine?: string) {
    super({ ...around, side: "buyer" }, { ...emptyPage, asking: false, refused: null, rated: false }, mine);
  }

  /** The call that this page carries and a reload should go on with. */
  get carries(): string | undefined {
    return this.state.call?.state === "ended" ? undefined : this.mine;
  }

  /** Whether the buyer was told what opening the camera means. */
  get cameraAgreed(): boolean {
    return this.#cameraAgreed;
  }

  /** Opens the microphone; the call can go on without one, by listening and writing. */
  openMicrophone(): Promise<boolean> {
    const call = this.mine;
    return call === undefined ? this.talk.openMicrophone() : this.talk.openMicrophone(() => this.#agree(call, "microphone"));
  }

  /** Asks for a call; once, however often she taps. */
  async ask(media: Media): Promise<void> {
    if (this.state.asking || this.#live !== null) return;
    this.around.mark("kanhuo:tap");
    this.set({ asking: true, refused: null, rated: false });
    try {
      const { call } = await this.link.ask({ type: "call.ask", key: this.key(), media });
      if (call !== null) {
        if (this.state.talk.microphone) void this.#agree(call, "microphone");
        this.join(call);
      }
    } catch (error) {
      this.talk.end();
      if (error instanceof Refusal) this.set({ refused: error });
      else throw error;
    } finally {
      this.set({ asking: false });
    }
  }

  /** Takes a call over that another page of this buyer carries. */
  takeOver(): void {
    const call = this.state.welcome?.live[0] ?? this.state.call?.call;
    if (call === undefined) return;
    this.mine = call;
    void this.openMicrophone().then(() => this.join(call));
  }

  async cameraOn(): Promise<boolean> {
    const call = this.#live;
    if (call === null) return false;
    this.#cameraAgreed = true;
    return this.talk.openCamera("environment", () => this.#agree(call.call, "camera"));
  }

  async cameraOff(): Promise<void> {
    await this.talk.closeCamera();
    if (this.#live !== null) this.link.send({ type: "consent.withdraw", call: this.#live.call, purpose: "camera" });
  }

  /** Seeing nothing and being seen would not be fair: her own camera goes off too. */
  override setVoiceOnly(voiceOnly: boolean): void {
    super.setVoiceOnly(voiceOnly);
    if (voiceOnly && this.state.talk.camera) void this.cameraOff();
  }

  async switchCamera(): Promise<void> {
    await this.talk.switchCamera();
  }

  async rate(stars: number, why: RatingWhy | null): Promise<void> {
    const call = this.state.call?.call;
    if (call === undefined) return;
    await this.link.ask({ type: "call.rate", call, stars, why });
    this.set({ rated: true });
  }

  /** After an end: back to the beginning, for another call. */
  startAgain(): void {
    this.mine = undefined;
    const { welcome } = this.state;
    this.set({ ...emptyRoom, welcome: welcome && { ...welcome, live: [] }, elsewhere: false, refused: null, rated: false });
  }

  get #live(): CallView | null {
    const { call } = this.state;
    return call === null || call.state === "ended" ? null : call;
  }

  protected override join(call: string): void {
    super.join(call);
    // a reloaded page has to open its microphone again; the yes to it still stands
    const { microphone, microphoneTrouble } = this.state.talk;
    if (!microphone && microphoneTrouble === null && this.state.consents?.microphone !== false) void this.openMicrophone();
  }

  async #agree(call: string, purpose: "camera" | "microphone"): Promise<void> {
    await this.link.ask({ type: "consent.give", call, purpose });
  }
}
