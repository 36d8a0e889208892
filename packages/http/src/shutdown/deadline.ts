import type { Clock, Timer } from '@crowfly/core';

/** A point in time that can be waited for, moved to now, or given up. Keeps the process alive until then. */
export class Deadline {
  readonly reached: Promise<void>;
  #reach!: () => void;
  readonly #timer: Timer;

  /** @param parent a deadline that ends this one too */
  constructor(clock: Clock, afterMs: number, parent?: Deadline) {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#timer = clock.after(afterMs, this.#reach, true);
    void parent?.reached.then(() => this.expire());
  }

  expire(): void {
    this.#timer.cancel();
    this.#reach();
  }

  /** It will not be reached, unless it was already: nobody waits for it any more. */
  cancel(): void {
    this.#timer.cancel();
  }
}
