import type { Clock, Timer } from '@crowfly/core';
import type { Limits } from './options.js';
import { timeLimit } from './time-limit.js';

/** What is guarded. */
export interface Guarded {
  /** Bytes received so far, of whatever kind. */
  received(): number;
  ping(answered: () => void): void;
  /** Nothing came for `silentMs`, and no answer to a ping. */
  dead(silentMs: number): void;
}

/** Notices a peer that is silent and does not answer pings either. */
export class PingGuard {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #guarded: Guarded;
  #heard = 0;
  #heardAt: number;
  #timer: Timer | undefined;
  #cancelPing: (() => void) | undefined;

  constructor(clock: Clock, limits: Limits, guarded: Guarded) {
    this.#clock = clock;
    this.#limits = limits;
    this.#guarded = guarded;
    this.#heardAt = clock.now();
  }

  /**
   * From now on. After a long pause it asks at once. One look sees what came since the last one, but not when: so there
   * are two in the time that a silence may last.
   */
  start(): void {
    const { pingMs } = this.#limits;
    this.#timer?.cancel();
    this.#listen();
    if (this.#clock.now() - this.#heardAt >= pingMs) this.ask();
    const look = (): void => {
      if (!this.#listen()) this.ask();
      this.#timer = this.#clock.after(pingMs / 2, look);
    };
    this.#timer = this.#clock.after(pingMs / 2, look);
  }

  /** Until it is started again; a ping that is under way still counts. */
  pause(): void {
    this.#timer?.cancel();
    this.#listen();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#cancelPing?.();
  }

  /** Pings now, unless a ping is under way. */
  ask(): void {
    if (this.#cancelPing !== undefined) return;
    this.#listen();
    const cancel = timeLimit(this.#clock, this.#limits.pingTimeoutMs, false, () => {
      this.#cancelPing = undefined;
      // Whatever came, somebody is there: the answer may stand behind it.
      if (!this.#listen()) this.#guarded.dead(Math.round(this.#clock.now() - this.#heardAt));
    });
    this.#cancelPing = cancel;
    this.#guarded.ping(() => {
      cancel();
      if (this.#cancelPing === cancel) this.#cancelPing = undefined;
    });
  }

  /** @returns whether anything was received since the last time */
  #listen(): boolean {
    const received = this.#guarded.received();
    if (received === this.#heard) return false;
    this.#heard = received;
    this.#heardAt = this.#clock.now();
    return true;
  }
}
