import type { Clock } from '../contract/clock.js';
import { sleep } from './system-clock.js';

const FIRST_MS = 250;
/** Each wait is at most this share of what was waited before: an outage of under 5 s is noticed to be over within 2 s. */
const SHARE = 0.4;
const MAX_MS = 30_000;
/** A watch that ran this long before it failed was healthy: its backoff starts over. */
export const HEALTHY_MS = 120_000;

/**
 * The waits of one registry's failed watches. How long one waits follows from how long it waited already since it was
 * last healthy, so that one forbidden service does not slow the others down; but watches that fail together wake
 * together, so that an adapter whose services share one stream opens it once, not once per service.
 *
 * From 250 ms the waits grow by up to 1.4 to at most 30 s, each jittered down by up to half: in a long outage at most
 * 0.07 requests per second and watch.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** When those that wait will wake; the past ones are dropped. */
  #wakes: number[] = [];

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Waits out a failure; rejects with the signal's reason when that aborts first.
   *
   * @param waitedMs the sum of these waits since the watch was last healthy
   * @returns how long this one took
   */
  async wait(waitedMs: number, signal: AbortSignal): Promise<number> {
    const now = this.#clock.now();
    const longest = Math.min(MAX_MS, Math.max(FIRST_MS, SHARE * waitedMs));
    this.#wakes = this.#wakes.filter((wake) => wake > now);
    let wake = this.#wakes.find((at) => at - now >= longest / 4 && at - now <= longest);
    if (wake === undefined) {
      wake = now + longest * (0.5 + this.#random() / 2);
      this.#wakes.push(wake);
    }
    await sleep(this.#clock, wake - now, signal);
    return wake - now;
  }
}
