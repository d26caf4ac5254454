/** Time that stands still until a test moves it. */
import type { Timers } from "../core/clock";

export class ManualTimers implements Timers {
  #now = 1_800_000_000_000;
  #due: { readonly at: number; readonly then: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    const entry = { at: this.#now + ms, then };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }

  /** Lets `ms` pass: everything due is called in order, and promises settle in between. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#due.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#now = next.at;
      next.then();
      await settled();
    }
    this.#now = until;
  }
}

/** Returns when every promise that can settle without time has done so. */
export async function settled(): Promise<void> {
  await new Promise((done) => setImmediate(done));
}
