import type { Clock } from '@crowfly/core';

/** What a server does with a request that arrives now. */
export interface Work {
  readonly status: number;
  /** How long it works on it, in milliseconds. */
  readonly ms: number;
}

export interface ServerOptions {
  readonly id: string;
  /** Requests that it works on at the same time; the others wait in line. Default: all. */
  readonly workers?: number;
  /** Network between it and its callers, there and back, in milliseconds. Default 0. */
  readonly distanceMs?: number;
  /** As the registry tells it. Default 1. */
  readonly weight?: number;
  work(now: number): Work;
}

/** A simulated instance. What was given up by its caller is worked on all the same, as most servers do. */
export class SimulatedServer {
  readonly id: string;
  readonly #clock: Clock;
  readonly #options: ServerOptions;
  readonly #line: (() => void)[] = [];
  #busy = 0;

  constructor(clock: Clock, options: ServerOptions) {
    this.id = options.id;
    this.#clock = clock;
    this.#options = options;
  }

  /** Calls `reply` with the status when the work is done. */
  receive(reply: (status: number) => void): void {
    const { workers = Number.POSITIVE_INFINITY, distanceMs = 0 } = this.#options;
    const { status, ms } = this.#options.work(this.#clock.now());
    const start = (): void => {
      this.#busy++;
      this.#clock.after(ms, () => {
        this.#busy--;
        if (distanceMs > 0) this.#clock.after(distanceMs, () => reply(status));
        else reply(status);
        if (this.#busy < workers) this.#line.shift()?.();
      });
    };
    if (this.#busy < workers) start();
    else this.#line.push(start);
  }
}
