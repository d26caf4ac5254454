/**
 * The ring: sound, vibration and a title that changes.
 *
 * Browsers play sound only after a click, so the click that puts an agent on duty also unlocks the ringer; the first call
 * of the day is never silent.
 */
const CHIME = [659.3, 880, 1_108.7] as const;
const PERIOD = 2_200;

export class Ringer {
  readonly #audio: () => AudioContext;
  readonly #document: Document;
  readonly #vibrate: (pattern: number[]) => void;
  #context: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #title = "";

  constructor(audio: () => AudioContext, document: Document, vibrate: (pattern: number[]) => void) {
    this.#audio = audio;
    this.#document = document;
    this.#vibrate = vibrate;
  }

  /** Call it from a click. */
  unlock(): void {
    this.#context ??= this.#audio();
    void this.#context.resume();
  }

  get ringing(): boolean {
    return this.#timer !== undefined;
  }

  start(title: string): void {
    if (this.ringing) return;
    this.#title = this.#document.title;
    let even = false;
    const beat = (): void => {
      even = !even;
      this.#document.title = even ? title : this.#title;
      this.#vibrate([400, 200, 400]);
      this.#chime();
    };
    this.#timer = setInterval(beat, PERIOD);
    beat();
  }

  stop(): void {
    if (!this.ringing) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#document.title = this.#title;
    this.#vibrate([]);
  }

  #chime(): void {
    const context = this.#context;
    if (context === undefined) return;
    void context.resume();
    CHIME.forEach((frequency, index) => {
      const at = context.currentTime + index * 0.18;
      const tone = new OscillatorNode(context, { type: "triangle", frequency });
      const loudness = new GainNode(context, { gain: 0 });
      loudness.gain.setValueAtTime(0, at);
      loudness.gain.linearRampToValueAtTime(0.35, at + 0.02);
      loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.9);
      tone.connect(loudness).connect(context.destination);
      tone.start(at);
      tone.stop(at + 1);
    });
  }
}
