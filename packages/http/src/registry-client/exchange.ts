import { CrowflyError } from '@crowfly/core';

/** Stops what was begun for a request, with the reason that whoever waits gets. */
export type Stop = (reason: unknown) => void;

/**
 * What a client has under way, by the signal that ends it. With one listener for each signal: one that thousands of
 * requests share, a hundred at a time, would make Node.js warn of a leak.
 */
export class Exchanges {
  readonly #bySignal = new Map<AbortSignal, { readonly open: Set<Exchange>; readonly onAbort: () => void }>();

  /** @throws the signal's reason when it has aborted */
  begin(signal: AbortSignal): Exchange {
    signal.throwIfAborted();
    const { open } = this.#bySignal.get(signal) ?? this.#listen(signal);
    const exchange = new Exchange(() => {
      open.delete(exchange);
      if (open.size === 0) this.#forget(signal);
    });
    open.add(exchange);
    return exchange;
  }

  stopAll(reason: unknown): void {
    for (const { open } of [...this.#bySignal.values()]) stopEach(open, reason);
  }

  #listen(signal: AbortSignal): { open: Set<Exchange> } {
    const open = new Set<Exchange>();
    const onAbort = (): void => stopEach(open, signal.reason);
    signal.addEventListener('abort', onAbort);
    this.#bySignal.set(signal, { open, onAbort });
    return { open };
  }

  #forget(signal: AbortSignal): void {
    const known = this.#bySignal.get(signal);
    if (known !== undefined) signal.removeEventListener('abort', known.onAbort);
    this.#bySignal.delete(signal);
  }
}

function stopEach(open: ReadonlySet<Exchange>, reason: unknown): void {
  for (const exchange of [...open]) exchange.stop(reason);
}

/** Something under way that can be stopped, once. */
export class Stoppable {
  readonly #stops = new Set<Stop>();
  #stopped: { readonly reason: unknown } | undefined;

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

  /** Nothing is under way any more. May be called again. */
  end(): void {
    this.#stops.clear();
  }
}

/**
 * One request from the call to the end of its body, as far as it can be stopped from outside: by its signal, or by the
 * client's `close`.
 */
export class Exchange extends Stoppable {
  readonly #forget: () => void;

  constructor(forget: () => void) {
    super();
    this.#forget = forget;
  }

  override end(): void {
    super.end();
    this.#forget();
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
