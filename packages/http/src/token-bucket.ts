import { type Clock, sleep } from '@crowfly/core';

/** Keeps requests from following one another without end: a token bucket. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #intervalMs: number;
  #tokens: number;
  #at: number;

  /** @param burst so many at once; then one in each `intervalMs` */
  constructor(clock: Clock, burst: number, intervalMs: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#intervalMs = intervalMs;
    this.#tokens = burst;
    this.#at = clock.now();
  }

  /** Resolves when it is this one's turn; rejects when the signal aborts first. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) / this.#intervalMs) - 1;
    this.#at = now;
    try {
      if (this.#tokens < 0) await sleep(this.#clock, -this.#tokens * this.#intervalMs, signal);
      signal.throwIfAborted();
    } catch (error) {
      // It did not take its turn: nobody has to wait for it.
      this.#tokens++;
      throw error;
    }
  }
}
