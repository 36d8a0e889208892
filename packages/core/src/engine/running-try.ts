import type { Answer, Attempt, Failure, Outcome, Transport } from '../contract/call.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { TryLease } from './lease.js';

/** One try as the transport sees it. */
export class RunningTry implements Attempt {
  readonly lease: TryLease;
  readonly number: number;
  readonly connectMs: number;
  #abort: ((reason: unknown) => void) | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(lease: TryLease, number: number, connectMs: number) {
    this.lease = lease;
    this.number = number;
    this.connectMs = connectMs;
  }

  get endpoint(): Endpoint {
    return this.lease.endpoint;
  }

  onAbort(abort: (reason: unknown) => void): void {
    if (this.#aborted !== undefined) abort(this.#aborted.reason);
    else this.#abort = abort;
  }

  abort(reason: unknown): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = { reason };
    try {
      this.#abort?.(reason);
    } catch {
      // The call is over either way, and this may run inside of the caller's abort().
    }
  }
}

/** A transport that throws instead of rejecting has failed all the same. */
export function startSending<T>(transport: Transport<T>, attempt: Attempt): Promise<Answer<T>> {
  try {
    return Promise.resolve(transport.send(attempt));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Nobody waits for this answer any more, nor for what goes wrong with it. */
export function discard(answer: Answer<unknown>): void {
  try {
    answer.discard();
  } catch {
    // The transport's body is already gone, or its own business.
  }
}

/** What a failed try reports about its instance. */
export function outcomeOf(failure: Failure, error: unknown): Outcome {
  if (failure === 'not-sent' || failure === 'no-answer') return { kind: failure, error };
  return { kind: failure === 'timed-out' ? 'timed-out' : 'canceled' };
}
