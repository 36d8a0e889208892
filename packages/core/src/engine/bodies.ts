import type { Clock, Timer } from '../contract/clock.js';
import type { TryLease } from './lease.js';

/**
 * A body that nobody reads, or that streams for hours, is no load that balancing could use: after its head an answer
 * counts as in flight for this long at the most.
 */
const BODY_MS = 30_000;

/** The answers whose bodies have not ended. One timer for all of them, as nearly every body ends long before. */
export class Bodies {
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #open = new Set<TryLease>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(lease: TryLease): void {
    this.#open.add(lease);
    if (this.#timer === undefined) this.#wait(BODY_MS);
  }

  delete(lease: TryLease): void {
    this.#open.delete(lease);
  }

  close(): void {
    this.#timer?.cancel();
    this.#open.clear();
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.after(ms, () => this.#sweep());
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    for (const lease of this.#open) {
      const leftMs = lease.respondedAt + BODY_MS - now;
      if (leftMs > 0) {
        this.#wait(leftMs);
        return;
      }
      this.#open.delete(lease);
      lease.release();
    }
  }
}
