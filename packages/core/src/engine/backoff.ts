import type { Clock } from '../contract/clock.js';
import { sleep } from './system-clock.js';

const FIRST_MS = 250;
const FACTOR = 1.6;
const MAX_MS = 30_000;
/** A watch that ran this long before it failed was healthy: the backoff starts over. */
const HEALTHY_MS = 120_000;

/**
 * The one backoff of a registry, shared by all its watches: fifty services whose registry is down raise one level
 * together, instead of each learning by itself.
 *
 * Within a window that one failure opened, further failures do not raise the level again. 250 ms growing by 1.6 keeps
 * the wait after an outage of under 5 s below 2 s; the cap of 30 s keeps polling in a long one at or below 0.07 requests
 * per second and watch. Each wait is jittered down by up to half.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  #level = 0;
  #windowEnds = 0;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Waits out the failure of a watch that had run for `ranMs` after its first publication (0: it published nothing). */
  async wait(ranMs: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    if (ranMs >= HEALTHY_MS) this.#level = 0;
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + this.#delay();
      this.#level++;
    }
    const delay = this.#delay(this.#level - 1);
    await sleep(this.#clock, delay * (0.5 + this.#random() / 2), signal);
  }

  #delay(level = this.#level): number {
    return Math.min(MAX_MS, FIRST_MS * FACTOR ** level);
  }
}
