/** Whether media arrives. Bytes tell within two seconds; ICE takes five to seven to notice that nothing comes. */
import { every, type Timers } from "./clock";

export interface FlowListener {
  flows(): void;
  /** Said at every look for as long as nothing arrives. */
  stalls(): void;
}

const LOOK = 500;
const STALLED_AFTER = 1_500;
const BEGUN_WITHIN = 4_000;

export class Flow {
  readonly stop: () => void;
  readonly #timers: Timers;
  readonly #listener: FlowListener;
  #pc: RTCPeerConnection | undefined;
  #bytes = 0;
  #flowedAt = 0;

  constructor(timers: Timers, listener: FlowListener) {
    this.#timers = timers;
    this.#listener = listener;
    this.stop = every(timers, LOOK, () => void this.#look());
  }

  /** Looks at this connection from now on. */
  watch(pc: RTCPeerConnection): void {
    this.#pc = pc;
    this.#bytes = 0;
    this.#flowedAt = this.#timers.now() + BEGUN_WITHIN - STALLED_AFTER;
  }

  async #look(): Promise<void> {
    const pc = this.#pc;
    // what arrives before the connection stands is its own making
    const bytes = pc === undefined || pc.connectionState === "connecting" ? this.#bytes : await received(pc);
    if (pc === undefined || pc !== this.#pc) return;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#flowedAt = this.#timers.now();
      this.#listener.flows();
    } else if (this.#timers.now() - this.#flowedAt > STALLED_AFTER) this.#listener.stalls();
  }
}

async function received(pc: RTCPeerConnection): Promise<number> {
  let bytes = 0;
  for (const report of (await pc.getStats()).values() as Iterable<{ type: string; bytesReceived?: number }>) {
    if (report.type === "transport") bytes += report.bytesReceived ?? 0;
  }
  return bytes;
}
