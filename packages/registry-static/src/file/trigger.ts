import type { Clock, Timer } from '@crowfly/core';

/** A burst of events is over when this long nothing happened. */
const QUIET_MS = 20;
/** While events never stop, this often is looked all the same. */
const MAX_WAIT_MS = 200;

/** Decides when to look: soon after an event, and again after the time that the last look asked for. One look at a time. */
export class Trigger {
  readonly #clock: Clock;
  readonly #look: () => Promise<number>;
  #timer: Timer | undefined;
  #regular = Number.POSITIVE_INFINITY;
  #event = Number.POSITIVE_INFINITY;
  #burstSince: number | undefined;
  #looking = false;
  #stopped = false;

  /** @param look resolves with the milliseconds until the next look, when nothing happens before; never rejects */
  constructor(clock: Clock, look: () => Promise<number>) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Looks now. */
  start(): void {
    void this.#run();
  }

  /** Something happened. */
  touch(): void {
    const now = this.#clock.now();
    this.#burstSince ??= now;
    this.#event = Math.min(now + QUIET_MS, this.#burstSince + MAX_WAIT_MS);
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#looking || this.#stopped) return;
    this.#timer?.cancel();
    const delay = Math.max(0, Math.min(this.#regular, this.#event) - this.#clock.now());
    this.#timer = this.#clock.after(delay, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#looking = true;
    this.#event = Number.POSITIVE_INFINITY;
    this.#burstSince = undefined;
    const nextMs = await this.#look();
    this.#looking = false;
    this.#regular = this.#clock.now() + nextMs;
    this.#arm();
  }
}
