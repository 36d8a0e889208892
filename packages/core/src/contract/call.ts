import type { Endpoint } from './endpoint.js';

/** How one try ended. */
export type Outcome =
  /** The whole answer arrived, whatever its status. */
  | { readonly kind: 'answered' }
  /** Refused, unreachable, connect timeout, TLS failure: the instance never saw the request. Hard evidence. */
  | { readonly kind: 'not-sent'; readonly error: unknown }
  /** The connection ended before the first byte of an answer; the request may have been executed. Hard evidence. */
  | { readonly kind: 'no-answer'; readonly error: unknown }
  /** The connection ended inside the body. */
  | { readonly kind: 'body-broken'; readonly error: unknown }
  /** No first byte in time, by our limit or by the caller's (`AbortSignal.timeout`). Evidence. */
  | { readonly kind: 'timed-out' }
  /** The caller gave up for reasons of its own: no evidence, but the time it waited is a lower bound of the latency. */
  | { readonly kind: 'canceled' };

/** `probe`: the one try that an ejected instance is given to show that it is back. */
export type Purpose = 'call' | 'retry' | 'probe';

/**
 * One try at one instance: counts as in flight from the pick until `done`. Reports exactly once, also on abort, timeout,
 * throw and body error.
 */
export interface Lease {
  readonly endpoint: Endpoint;
  readonly purpose: Purpose;
  /**
   * The head of an answer arrived: the latency is known. Later calls are ignored.
   *
   * @param retryAfterMs as the answer asked for; not used yet
   */
  responded(status: number, retryAfterMs?: number): void;
  /**
   * A part of the answer's body arrived. When the discovery is closed, a body that moved once and then stands still is
   * taken to have no reader, and is not waited for. A client that cannot tell need not call it.
   */
  progress(): void;
  /** The end of the try. Later calls are ignored. */
  done(outcome: Outcome): void;
}

/** One try as a client's transport sees it. */
export interface Attempt {
  readonly lease: Lease;
  readonly endpoint: Endpoint;
  /** 0 for the first; unique within the call. */
  readonly number: number;
  /** For connecting, in milliseconds: the transport enforces it, as only it knows when it connects. */
  readonly connectMs: number;
  /**
   * Calls `abort` with the reason when the try must end (the caller's abort, a time limit, close). At once when it
   * already must. Set by the transport as soon as there is something to abort; the latest one set is called.
   */
  onAbort(abort: (reason: unknown) => void): void;
}

/** A try that brought the head of an answer. */
export interface Answer<T> {
  readonly value: T;
  readonly status: number;
  readonly retryAfterMs?: number;
  /** Frees what the answer holds (its unread body): called when another try is made instead. */
  discard(): void;
}

/** What a transport's error says about the try. `fatal`: the request itself is wrong, no instance is to blame, no retry helps. */
export type Failure = 'not-sent' | 'no-answer' | 'timed-out' | 'canceled' | 'fatal';

/** How a client sends. The core calls `send` once per try; the lease is completed by the transport, or by the core when `send` rejects. */
export interface Transport<T> {
  /** Reports the head to the lease before the end of the message, if that may come before this resolves. */
  send(attempt: Attempt): Promise<Answer<T>>;
  /** @param attempt the try that `send` failed for */
  classify(error: unknown, attempt: Attempt): Failure;
}
