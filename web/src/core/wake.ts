/** Keeps the screen awake while people talk; browsers let go of the lock when the page is hidden. */
export class ScreenLock {
  readonly #document: Document;
  #sentinel: WakeLockSentinel | undefined;
  #wanted = false;

  constructor(document: Document) {
    this.#document = document;
    document.addEventListener("visibilitychange", () => void this.#take());
  }

  hold(): void {
    this.#wanted = true;
    void this.#take();
  }

  release(): void {
    this.#wanted = false;
    void this.#sentinel?.release();
    this.#sentinel = undefined;
  }

  async #take(): Promise<void> {
    if (!this.#wanted || this.#document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      this.#sentinel = await navigator.wakeLock.request("screen");
    } catch {
      // low battery or no permission: the talk goes on, the screen may sleep
    }
  }
}
