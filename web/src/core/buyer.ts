/** A buyer's call, from tap to verdict. */
import type { Media, RatingWhy } from "../protocol/messages";
import { emptyPage, Page, type PageState, type Surroundings } from "./page";
import { Refusal } from "./refusal";

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
    return this.talk.openMicrophone();
  }

  async ask(media: Media): Promise<void> {
    this.around.mark("kanhuo:tap");
    this.set({ asking: true, refused: null, rated: false });
    try {
      const { call } = await this.link.ask({ type: "call.ask", key: this.key(), media });
      if (call !== null) {
        if (this.state.talk.microphone) void this.#agree(call, "microphone");
        this.join(call);
      }
    } catch (error) {
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
    void this.talk.openMicrophone().then((open) => {
      if (open) void this.#agree(call, "microphone");
      this.join(call);
    });
  }

  async cameraOn(): Promise<boolean> {
    const call = this.state.call?.call;
    if (call === undefined) return false;
    this.#cameraAgreed = true;
    return this.talk.openCamera("environment", () => this.#agree(call, "camera"));
  }

  async cameraOff(): Promise<void> {
    const call = this.state.call?.call;
    await this.talk.closeCamera();
    if (call !== undefined) await this.link.ask({ type: "consent.withdraw", call, purpose: "camera" });
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
    this.set({ call: null, queue: null, consents: null, peers: null, chat: [], refused: null, rated: false });
  }

  protected override join(call: string): void {
    super.join(call);
    // a reloaded page has to open its microphone again; the yes to it still stands
    if (!this.state.talk.microphone && this.state.consents?.microphone !== false) {
      void this.#microphoneAgain(call);
    }
  }

  async #microphoneAgain(call: string): Promise<void> {
    if (this.state.talk.microphoneTrouble === null && (await this.talk.openMicrophone())) {
      await this.#agree(call, "microphone");
    }
  }

  async #agree(call: string, purpose: "camera" | "microphone"): Promise<void> {
    await this.link.ask({ type: "consent.give", call, purpose });
  }
}
