import type { Clock, Timer } from '@crowfly/core';

/** A second of idleness is 100 ms. */
const FASTER = 10;
/** The longest that may pass, in real time, between two turns of the event loop. */
const MOST_MS = 5;

/**
 * Ten times as fast as real time, but time in which this process stood still does not count: servers and clients in it
 * stood still too, and would be late for each other by ten times as much.
 */
export class FastClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; fire(): void }>();
  #now = 0;
  #last = 0;
  #turns: NodeJS.Timeout | undefined;

  start(): void {
    this.#last = performance.now();
    this.#turns = setInterval(() => this.#turn(), 1);
  }

  stop(): void {
    clearInterval(this.#turns);
  }

  now(): number {
    return this.#now;
  }

  after(delayMs: number, fire: () => void): Timer {
    const timer = { at: this.#now + delayMs, fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  #turn(): void {
    const real = performance.now();
    this.#now += Math.min(real - this.#last, MOST_MS) * FASTER;
    this.#last = real;
    const due = [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.fire();
  }
}
