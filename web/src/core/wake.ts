/** Keeps the screen awake for as long as somebody wants it; browsers let go of the lock when the page is hidden. */
export class ScreenLock {
  readonly #document: Document;
  readonly #holders = new Set<string>();
  #sentinel: Promise<WakeLockSentinel | null> = Promise.resolve(null);

  constructor(document: Document) {
    this.#document = document;
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** `why` names the holder: a talk, being on duty. */
  hold(why: string): void {
    this.#holders.add(why);
    this.#look();
  }

  release(why: string): void {
    this.#holders.delete(why);
    this.#look();
  }

  /** One request after another, so that a lock that is granted late is let go of too. */
  #look(): void {
    this.#sentinel = this.#sentinel.then(async (held) => {
      if (this.#holders.size === 0) {
        await held?.release();
        return null;
      }
      if (this.#document.visibilityState !== "visible" || (held !== null && !held.released)) return held;
      try {
        return await navigator.wakeLock.request("screen");
      } catch {
        return null; // no such thing here, low battery or no permission: the screen may sleep
      }
    });
  }
}
