import type { Clock, Timer } from '@crowfly/core';

interface Pending {
  readonly at: number;
  readonly fire: () => void;
  timer: Timer;
}

/** Another clock, some of whose time can be skipped: what would take a minute of real silence takes a moment. */
export class SkippingClock implements Clock {
  readonly #base: Clock;
  readonly #pending = new Set<Pending>();
  #skipped = 0;

  constructor(base: Clock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now() + this.#skipped;
  }

  after(delayMs: number, fire: () => void, keepAlive?: boolean): Timer {
    const run = (): void => {
      this.#pending.delete(pending);
      fire();
    };
    const pending: Pending = {
      at: this.now() + delayMs,
      fire: run,
      timer: this.#base.after(delayMs, run, keepAlive),
    };
    this.#pending.add(pending);
    return {
      cancel: () => {
        this.#pending.delete(pending);
        pending.timer.cancel();
      },
    };
  }

  skip(ms: number): void {
    this.#skipped += ms;
    const due = [...this.#pending].filter(({ at }) => at <= this.now()).sort((a, b) => a.at - b.at);
    for (const pending of due) {
      if (!this.#pending.has(pending)) continue;
      pending.timer.cancel();
      pending.fire();
    }
  }
}
