/** Time, handed in so that tests can hold it still. */
export interface Timers {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `then` once after `ms`; returns what cancels it. */
  after(ms: number, then: () => void): () => void;
}

export const realTimers: Timers = {
  now: () => Date.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

/** Calls `then` again and again, `ms` after each call has returned; returns what ends it. */
export function every(timers: Timers, ms: number, then: () => void): () => void {
  let cancel = timers.after(ms, beat);
  function beat(): void {
    cancel = timers.after(ms, beat);
    then();
  }
  return () => cancel();
}
