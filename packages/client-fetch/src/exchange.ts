import type { Lease, Outcome } from '@crowfly/core';
import { classifyError } from '@crowfly/http';
import type { HeldAnswer } from './held-answer.js';

/** The time limits of callers (`AbortSignal.timeout`) and of the engine. */
export function isTimeLimit(reason: unknown): boolean {
  if (typeof reason !== 'object' || reason === null) return false;
  const { name, code } = reason as { name?: unknown; code?: unknown };
  return name === 'TimeoutError' || (name === 'CrowflyError' && code === 'timeout');
}

/**
 * One request and its answer on one connection, and what becomes known of it. Completes its lease once, whatever happens
 * first: the end of the answer, an error in it, the caller's abort, a time limit, or the caller's losing interest in the
 * body.
 */
export class Exchange {
  /** Of the final answer's head; 0 before it. */
  status = 0;
  retryAfterMs: number | undefined;
  /** The answer, when fetch may ask for it twice. */
  held: HeldAnswer | undefined;
  readonly #signal: AbortSignal | undefined;
  #lease: Lease | undefined;
  #alone = false;
  #deliver: (error: unknown) => void = () => {};
  #disconnect: ((reason: unknown) => void) | undefined;
  #ended: { readonly reason: unknown } | undefined;
  #dropped = false;
  #failed = false;

  /** @param signal the caller's: how it aborted says how the exchange ended */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Why the engine ended it; `undefined` when it did not. */
  get ended(): { readonly reason: unknown } | undefined {
    return this.#ended;
  }

  /** Whether fetch itself gave up, and not because of the caller's signal: the body to send failed, or nobody wants the answer. */
  get dropped(): boolean {
    return this.#dropped && !this.#signal?.aborted;
  }

  /**
   * @param lease to report to
   * @param alone whether nobody else completes it when there is no answer
   */
  begin(lease: Lease, alone: boolean): void {
    this.#lease = lease;
    this.#alone = alone;
  }

  /** @param deliver tells fetch of an error */
  attach(deliver: (error: unknown) => void): void {
    this.#deliver = deliver;
  }

  /** There is a connection. @param disconnect ends it; its error then comes back as any other */
  connected(disconnect: (reason: unknown) => void): void {
    this.#disconnect = disconnect;
  }

  /** The head of the final answer. */
  head(status: number, retryAfterMs: number | undefined): void {
    this.status = status;
    this.retryAfterMs = retryAfterMs;
    this.#lease?.responded(status, retryAfterMs);
  }

  /** A part of the body. */
  progress(): void {
    this.#lease?.progress();
  }

  /** The end of the answer. */
  complete(): void {
    this.#lease?.done({ kind: 'answered' });
  }

  /** Fetch ends the connection. It also does so once it has been told of an error, and that says nothing new. */
  drop(): void {
    if (!this.#failed) this.#dropped = true;
  }

  /** The engine wants it to end. */
  abort(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    if (this.#disconnect !== undefined) this.#disconnect(reason);
    // Not connected yet: fetch hears of it now, and the connection once there is one.
    else this.fail(reason);
  }

  /** It failed. Without an answer, the lease is left to who waits for one, as what that means depends on more. */
  fail(error: unknown): void {
    if (this.#alone || this.status !== 0) this.#lease?.done(this.#outcome(error));
    this.#failed = true;
    const deliver = this.#deliver;
    this.#deliver = () => {};
    deliver(error);
  }

  #outcome(error: unknown): Outcome {
    const ended = this.#ended ?? (this.#signal?.aborted ? { reason: this.#signal.reason } : undefined);
    // Once its head has arrived, an answer was in time: how long its body may take is the caller's own affair.
    const late = ended !== undefined && this.status === 0 && isTimeLimit(ended.reason);
    if (ended !== undefined) return { kind: late ? 'timed-out' : 'canceled' };
    if (this.#dropped) return { kind: 'canceled' };
    if (this.status !== 0) return { kind: 'body-broken', error };
    const failure = classifyError(error);
    if (failure === 'not-sent' || failure === 'no-answer') return { kind: failure, error };
    return { kind: failure === 'timed-out' ? 'timed-out' : 'canceled' };
  }
}
