/**
 * The ring: sound, vibration and a title that changes.
 *
 * Browsers play sound only after a click, so the click that puts an agent on duty also unlocks the ringer; the first call
 * of the day is never silent. The chime is one looped buffer and not a row of timed notes: a page in the background has
 * its timers slowed down to one a minute, while what the sound card plays goes on.
 */
import { every, type Timers } from "../core/clock";

const NOTES = [659.3, 880, 1_108.7] as const;
const NOTE_EVERY = 0.18;
const LOOP = 2.2;
const BEAT = 1_100;
const BUZZ = [400, 200, 400];

/** What a ringer rings with. */
export interface Bell {
  readonly audio: () => AudioContext;
  readonly document: { title: string };
  readonly vibrate: (pattern: number[]) => void;
  readonly timers: Timers;
}

export class Ringer {
  readonly #bell: Bell;
  #context: AudioContext | undefined;
  #chime: AudioBuffer | undefined;
  #sound: AudioBufferSourceNode | undefined;
  #cancel: (() => void) | undefined;
  #title = "";

  constructor(bell: Bell) {
    this.#bell = bell;
  }

  /** Call it from a click. */
  unlock(): void {
    this.#context ??= this.#bell.audio();
    void this.#context.resume();
  }

  /** No click has unlocked it yet: it would ring without sound. */
  get silent(): boolean {
    return this.#context === undefined;
  }

  get ringing(): boolean {
    return this.#cancel !== undefined;
  }

  /** Rings until {@link stop}, with `title` and the page's own title in turn. */
  start(title: string): void {
    if (this.ringing) return;
    const { document, timers, vibrate } = this.#bell;
    this.#title = document.title;
    let shown = false;
    const beat = (): void => {
      shown = !shown;
      document.title = shown ? title : this.#title;
      if (shown) vibrate(BUZZ);
      // a telephone call or the system may have taken the sound away in between
      void this.#context?.resume();
    };
    this.#cancel = every(timers, BEAT, beat);
    beat();
    this.#play();
  }

  stop(): void {
    if (!this.ringing) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#sound?.stop();
    this.#sound?.disconnect();
    this.#sound = undefined;
    this.#bell.document.title = this.#title;
    this.#bell.vibrate([]);
  }

  #play(): void {
    const context = this.#context;
    if (context === undefined) return;
    this.#chime ??= chime(context);
    this.#sound = context.createBufferSource();
    this.#sound.buffer = this.#chime;
    this.#sound.loop = true;
    this.#sound.connect(context.destination);
    this.#sound.start();
  }
}

function chime(context: AudioContext): AudioBuffer {
  const rate = context.sampleRate;
  const buffer = context.createBuffer(1, Math.round(LOOP * rate), rate);
  const samples = buffer.getChannelData(0);
  for (let n = 0; n < samples.length; n += 1) {
    samples[n] = NOTES.reduce((sum, note, index) => sum + struck(note, n / rate - index * NOTE_EVERY), 0);
  }
  return buffer;
}

/** One note, `at` seconds after it was struck: a soft attack of 20 ms and a tail of about a second. */
function struck(note: number, at: number): number {
  if (at < 0) return 0;
  const loudness = 0.3 * Math.min(1, at / 0.02) * Math.exp(-5 * at);
  const turn = 2 * Math.PI * note * at;
  return loudness * (Math.sin(turn) + 0.25 * Math.sin(3 * turn));
}
