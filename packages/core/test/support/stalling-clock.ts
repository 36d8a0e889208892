import type { Timer } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';

interface Pending {
  readonly due: number;
  readonly fire: () => void;
  timer: Timer;
}

/** A virtual clock whose event loop can stand still: time passes, and what was due fires late, at the end. */
export class StallingClock extends VirtualClock {
  #lag = 0;
  readonly #own = new Set<Pending>();

  override now(): number {
    return super.now() + this.#lag;
  }

  override after(delayMs: number, fire: () => void): Timer {
    const pending: Pending = { due: this.now() + delayMs, fire, timer: { cancel() {} } };
    this.#start(pending);
    this.#own.add(pending);
    return {
      cancel: () => {
        this.#own.delete(pending);
        pending.timer.cancel();
      },
    };
  }

  /** Nothing runs for `ms`. What fell due meanwhile fires with the next `advance`, in order, all at the new time. */
  stall(ms: number): void {
    this.#lag += ms;
    for (const pending of [...this.#own].sort((a, b) => a.due - b.due)) {
      pending.timer.cancel();
      this.#start(pending);
    }
  }

  #start(pending: Pending): void {
    pending.timer = super.after(Math.max(0, pending.due - this.now()), () => {
      this.#own.delete(pending);
      pending.fire();
    });
  }
}
