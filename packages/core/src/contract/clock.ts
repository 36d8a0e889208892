/** A timer that was started on a {@link Clock}. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, as everything in crowfly sees it. Injected, so that a test runs hours of behaviour in milliseconds.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary start; never jumps with the wall clock. */
  now(): number;
  /**
   * Calls `fire` once after `delayMs`.
   *
   * @param keepAlive `true` while a caller waits for it: only then may the timer keep the process alive. Default `false`.
   */
  after(delayMs: number, fire: () => void, keepAlive?: boolean): Timer;
}
