import type { Clock } from '../contract/clock.js';
import { sleep } from './system-clock.js';

const FIRST_MS = 250;
const FACTOR = 1.6;
const MAX_MS = 30_000;
/** A watch that ran this long before it failed was healthy: its backoff starts over. */
export const HEALTHY_MS = 120_000;

/**
 * The waits of one registry's failed watches. Each watch has a level of its own, the number of its failures since it was
 * last healthy, so that one forbidden service does not slow the others down; but watches that fail together wake
 * together, so that an adapter whose services share one stream opens it once, not once per service.
 *
 * 250 ms growing by 1.6 keeps the wait after an outage of under 5 s below 2 s; the cap of 30 s keeps polling in a long
 * one at or below 0.07 requests per second and watch. Each wait is jittered down by up to half.
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

  /** Waits out a failure; rejects with the signal's reason when that aborts first. */
  wait(level: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.now();
    const longest = Math.min(MAX_MS, FIRST_MS * FACTOR ** level);
    this.#wakes = this.#wakes.filter((wake) => wake > now);
    let wake = this.#wakes.find((at) => at - now >= longest / 4 && at - now <= longest);
    if (wake === undefined) {
      wake = now + longest * (0.5 + this.#random() / 2);
      this.#wakes.push(wake);
    }
    return sleep(this.#clock, wake - now, signal);
  }
}
