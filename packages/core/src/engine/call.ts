import type { Answer, Attempt, Failure, Outcome, Transport } from '../contract/call.js';
import type { Clock } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import { CrowflyError, describeError } from '../errors.js';
import type { EventHub } from '../events.js';
import { ActiveCall, after } from './active-call.js';
import type { CallRequest, RetryOptions, Timeouts } from './api.js';
import type { Survives } from './health.js';
import type { TryLease } from './lease.js';
import { instanceName } from './member.js';
import type { Service } from './service.js';
import { layer } from './settings.js';

export interface CallContext {
  readonly clock: Clock;
  random(): number;
  readonly events: EventHub;
}

/** One call to one service: tries until an answer is good enough, or there is no use in another try. */
export class ServiceCall<T> {
  readonly #context: CallContext;
  readonly #service: Service;
  readonly #tls: boolean;
  readonly #request: CallRequest;
  readonly #transport: Transport<T>;
  readonly #timeouts: Timeouts;
  readonly #retry: RetryOptions;
  readonly #call: ActiveCall;

  constructor(
    context: CallContext,
    service: Service,
    tls: boolean,
    request: CallRequest,
    transport: Transport<T>,
  ) {
    this.#context = context;
    this.#service = service;
    this.#tls = tls;
    this.#request = request;
    this.#transport = transport;
    const { timeouts, retry } = service.settings;
    this.#timeouts = request.timeouts === undefined ? timeouts : layer(timeouts, request.timeouts);
    this.#retry = request.attempts === undefined ? retry : { ...retry, attempts: request.attempts };
    this.#call = new ActiveCall(context.clock, request.key, request.signal);
  }

  /** Ends the call early, as `close()` does. */
  end(reason: unknown): void {
    this.#call.end(reason);
  }

  async run(): Promise<T> {
    const call = this.#call;
    try {
      call.limit(this.#timeouts.totalMs, () => this.#timeout('totalMs', this.#timeouts.totalMs));
      if (!this.#service.settled) await waitForSet(call, this.#service, this.#context.clock);
      for (let attempt = 0; ; attempt++) {
        if (call.ended !== undefined) throw call.ended.reason;
        const lease = this.#acquire(attempt);
        const { answer, failure, error } = await this.#try(lease, attempt);
        if (answer !== undefined) {
          if (!this.#worthAnother(answer.status, attempt)) return answer.value;
          answer.discard();
          this.#retrying(lease, attempt, `status ${answer.status}`);
        } else {
          if (failure === 'fatal') throw error;
          if (!this.#mayRepeat(failure, attempt)) throw this.#failed(lease, attempt, failure, error);
          this.#retrying(lease, attempt, describeError(error));
          await this.#backOff(attempt);
        }
      }
    } finally {
      call.finish();
    }
  }

  #acquire(attempt: number): TryLease {
    const call = this.#call;
    call.nextTry(attempt);
    const lease = this.#service.acquire(call, this.#tls, this.#survives);
    if (lease === undefined) throw this.#nothingToPick();
    call.remember(lease.member);
    return lease;
  }

  get #survives(): Survives {
    if (!this.#request.replayable || this.#retry.attempts === 1) return 'nothing';
    return this.#request.idempotent ? 'anything' : 'a failed connect';
  }

  /** One try, to the head of its answer. Throws only when the whole call has ended. */
  async #try(
    lease: TryLease,
    number: number,
  ): Promise<{ answer?: Answer<T>; failure: Failure; error?: unknown }> {
    const call = this.#call;
    let timedOut = false;
    let over = false;
    try {
      const answer = await call.wait<Answer<T>>((resolve, reject) => {
        const attempt = new RunningTry(lease, number, this.#timeouts.connectMs);
        const { firstByteMs } = this.#timeouts;
        const timer = after(this.#context.clock, firstByteMs, () => {
          timedOut = true;
          const reason = this.#timeout('firstByteMs', firstByteMs);
          attempt.abort(reason);
          reject(reason);
        });
        startSending(this.#transport, attempt).then(
          (head) => {
            timer.cancel();
            // An answer that comes when nobody waits any more must not hold a connection.
            if (over) head.discard();
            else resolve(head);
          },
          (error) => {
            timer.cancel();
            reject(error);
          },
        );
        return () => {
          timer.cancel();
          attempt.abort(call.ended?.reason);
        };
      });
      lease.responded(answer.status, answer.retryAfterMs);
      return { answer, failure: 'fatal' };
    } catch (error) {
      over = true;
      if (call.ended !== undefined) {
        lease.done(this.#endOutcome(lease));
        throw call.ended.reason;
      }
      const failure = timedOut ? 'timed-out' : this.#transport.classify(error);
      lease.done(outcomeOf(failure, error));
      return { failure, error };
    }
  }

  /** Running into a time limit is evidence against the instance, if the try had most of the time to itself. */
  #endOutcome(lease: TryLease): Outcome {
    const now = this.#context.clock.now();
    const most = now - lease.startedAt >= (now - this.#call.startedAt) / 2;
    const limit =
      (this.#call.ended?.reason as { name?: unknown } | undefined)?.name === 'TimeoutError' || this.#ranOut;
    return limit && most ? { kind: 'timed-out' } : { kind: 'canceled' };
  }

  get #ranOut(): boolean {
    const reason = this.#call.ended?.reason;
    return reason instanceof CrowflyError && reason.code === 'timeout';
  }

  #worthAnother(status: number, attempt: number): boolean {
    return (
      this.#retry.statuses.includes(status) &&
      this.#survives === 'anything' &&
      attempt + 1 < this.#retry.attempts &&
      this.#service.hasUntried(this.#call, this.#tls)
    );
  }

  #mayRepeat(failure: Failure, attempt: number): boolean {
    if (attempt + 1 >= this.#retry.attempts || failure === 'canceled') return false;
    if (!this.#request.replayable) return false;
    return failure === 'not-sent' || this.#request.idempotent;
  }

  #retrying(lease: TryLease, attempt: number, reason: string): void {
    const { about } = this.#service;
    this.#context.events.emit('retry', { ...about, endpoint: lease.endpoint, attempt: attempt + 1, reason });
  }

  /** Another instance is tried at once; one that failed already gets a moment. */
  async #backOff(attempt: number): Promise<void> {
    if (this.#service.hasUntried(this.#call, this.#tls)) return;
    const { backoffMs, backoffMaxMs } = this.#retry;
    const delay = this.#context.random() * Math.min(backoffMaxMs, backoffMs * 2 ** attempt);
    await this.#call.wait<void>((resolve) => {
      const timer = this.#context.clock.after(delay, () => resolve(undefined), true);
      return () => timer.cancel();
    });
  }

  #nothingToPick(): CrowflyError {
    const service = this.#service;
    const { snapshot } = service;
    const listed = snapshot.status === 'ready' || snapshot.status === 'stale' ? snapshot.endpoints.length : 0;
    if (!this.#tls || listed === 0) return service.trouble();
    const text = `every instance of '${service.ref.key}' (${listed}) speaks plain http, and the URL says https: write http, or give the endpoints the protocol https`;
    return new CrowflyError('no-instances', text, service.about);
  }

  #timeout(limit: 'totalMs' | 'firstByteMs', ms: number): CrowflyError {
    const key = this.#service.ref.key;
    const text =
      limit === 'totalMs'
        ? `'${key}' did not answer within ${ms} ms (timeouts.totalMs)`
        : `no first byte within ${ms} ms (timeouts.firstByteMs)`;
    return new CrowflyError('timeout', text, this.#service.about);
  }

  #failed(lease: TryLease, attempt: number, failure: Failure, cause: unknown): CrowflyError {
    const { about, ref } = this.#service;
    const tries = attempt + 1;
    const instance = instanceName(lease.endpoint);
    const last = tries === 1 ? instance : `${tries} tries, the last one at ${instance}`;
    const hint =
      this.#request.idempotent || failure === 'not-sent'
        ? ''
        : '; it may have been executed, so it was not tried again (idempotent: true says that it may be)';
    const text = `'${ref.key}' gave no answer: ${last}: ${describeError(cause)}${hint}`;
    const details = { ...about, cause, instance, attempts: tries };
    return new CrowflyError(failure === 'timed-out' ? 'timeout' : 'call-failed', text, details);
  }
}

/** A transport that throws instead of rejecting has failed all the same. */
function startSending<T>(transport: Transport<T>, attempt: Attempt): Promise<Answer<T>> {
  try {
    return transport.send(attempt);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** @throws CrowflyError when the registry delivers no set in time */
export async function waitForSet(call: ActiveCall, service: Service, clock: Clock): Promise<void> {
  await call.wait<void>((resolve) => {
    const wake = (): void => {
      timer.cancel();
      stop();
      resolve(undefined);
    };
    const stop = service.whenSettled(wake);
    const timer = clock.after(service.settings.firstSetMs, wake, true);
    return () => {
      timer.cancel();
      stop();
    };
  });
  if (!service.settled) throw service.trouble();
}

function outcomeOf(failure: Failure, error: unknown): Outcome {
  if (failure === 'not-sent' || failure === 'no-answer') return { kind: failure, error };
  return { kind: failure === 'timed-out' ? 'timed-out' : 'canceled' };
}

/** One try as the transport sees it. */
class RunningTry implements Attempt {
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
    this.#abort?.(reason);
  }
}
