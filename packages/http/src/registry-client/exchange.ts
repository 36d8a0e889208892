import { CrowflyError } from '@crowfly/core';

/** Stops what was begun for a request, with the reason that whoever waits gets. */
export type Stop = (reason: unknown) => void;

/**
 * One request from the call to the end of its body, as far as it can be stopped from outside: by its signal, or by the
 * client's `close`.
 */
export class Exchange {
  readonly #signal: AbortSignal;
  readonly #open: Set<Exchange>;
  readonly #stops = new Set<Stop>();
  #stopped: { readonly reason: unknown } | undefined;
  readonly #onAbort = (): void => this.stop(this.#signal.reason);

  /** @param open holds it until it ends */
  constructor(signal: AbortSignal, open: Set<Exchange>) {
    this.#signal = signal;
    this.#open = open;
    signal.throwIfAborted();
    open.add(this);
    signal.addEventListener('abort', this.#onAbort);
  }

  /** Set once it was stopped. */
  get stopped(): { readonly reason: unknown } | undefined {
    return this.#stopped;
  }

  /** `stop` is called at most once: now, if it was stopped before. @returns takes it back */
  onStop(stop: Stop): () => void {
    if (this.#stopped !== undefined) stop(this.#stopped.reason);
    else this.#stops.add(stop);
    return () => this.#stops.delete(stop);
  }

  stop(reason: unknown): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = { reason };
    const stops = [...this.#stops];
    this.end();
    for (const stop of stops) stop(reason);
  }

  /** Nothing is under way any more: a signal may outlive thousands of these. */
  end(): void {
    this.#stops.clear();
    this.#open.delete(this);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  /** `work`, unless the stop comes first. Errors of `work` after that are nobody's. */
  during<T>(work: T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const off = this.onStop(reject);
      Promise.resolve(work).then(resolve, reject).finally(off);
    });
  }
}

export function closedError(origin: string): CrowflyError {
  return new CrowflyError('closed', `the client of ${origin} was closed`);
}
