import type { Clock, Timer } from '@crowfly/core';

/** Real time, with the timers that have neither fired nor been cancelled counted. */
export class CountingClock implements Clock {
  #pending = 0;

  get pending(): number {
    return this.#pending;
  }

  now(): number {
    return performance.now();
  }

  after(delayMs: number, fire: () => void, keepAlive = false): Timer {
    let live = true;
    this.#pending++;
    const end = (): boolean => {
      if (!live) return false;
      live = false;
      this.#pending--;
      return true;
    };
    const handle = setTimeout(() => {
      if (end()) fire();
    }, delayMs);
    if (!keepAlive) handle.unref();
    return {
      cancel: () => {
        if (end()) clearTimeout(handle);
      },
    };
  }
}
