import type { Answer, Attempt, Failure, Outcome, Transport } from '../contract/call.js';
import type { Clock } from '../contract/clock.js';
import { CrowflyError, describeError } from '../errors.js';
import type { EventHub } from '../events.js';
import { ActiveCall } from './active-call.js';
import type { CallRequest, RetryOptions, Timeouts } from './api.js';
import type { Survives } from './health.js';
import type { TryLease } from './lease.js';
import { instanceName } from './member.js';
import { discard, outcomeOf, RunningTry, startSending } from './running-try.js';
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
  /** The latest try, and how many there were. */
  #lease: TryLease | undefined;
  #tries = 0;

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
      if (!this.#service.settled) await waitForSet(call, this.#service);
      let failed: Failed | undefined;
      for (let attempt = 0; ; attempt++) {
        if (call.ended !== undefined) throw call.ended.reason;
        const lease = this.#acquire(attempt);
        if (lease === undefined)
          throw failed === undefined ? this.#service.trouble(this.#tls) : this.#failed(failed);
        const { answer, failure, error } = await this.#try(lease, attempt);
        if (answer !== undefined) {
          if (!this.#worthAnother(answer.status, attempt)) return answer.value;
          discard(answer);
          this.#retrying(lease, attempt, `status ${answer.status}`);
        } else {
          if (failure === 'fatal') throw error;
          failed = { failure, error };
          if (!this.#mayRepeat(failure, attempt)) throw this.#failed(failed);
          this.#retrying(lease, attempt, describeError(error));
          await this.#backOff(attempt);
        }
      }
    } finally {
      call.finish();
    }
  }

  #acquire(attempt: number): TryLease | undefined {
    const call = this.#call;
    call.nextTry(attempt);
    const lease = this.#service.acquire(call, this.#tls, this.#survives);
    if (lease === undefined) return undefined;
    call.remember(lease.member);
    this.#lease = lease;
    this.#tries++;
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
    const attempt = new RunningTry(lease, number, this.#timeouts.connectMs);
    const { firstByteMs } = this.#timeouts;
    let timedOut = false;
    let lost = false;
    let over = false;
    try {
      const answer = await call.wait<Answer<T>>(
        firstByteMs,
        () => {
          timedOut = true;
          return this.#timeout('firstByteMs', firstByteMs);
        },
        (resolve, reject) => {
          startSending(this.#transport, attempt).then((head) => {
            // An answer that comes when nobody waits any more must not hold a connection.
            if (over) return discard(head);
            // From here on it is the caller's: what is found out about the instance comes too late.
            lease.lost = undefined;
            resolve(head);
          }, reject);
          if (this.#mayRepeat('no-answer', number))
            lease.lost = (error) => {
              over = lost = true;
              reject(error);
              attempt.abort(error);
            };
          return (reason) => {
            over = true;
            attempt.abort(reason);
          };
        },
      );
      lease.responded(answer.status, answer.retryAfterMs);
      return { answer, failure: 'fatal' };
    } catch (error) {
      over = true;
      if (call.ended !== undefined) {
        lease.done(this.#endOutcome(lease));
        throw call.ended.reason;
      }
      const failure = timedOut ? 'timed-out' : lost ? 'no-answer' : this.#classify(error, attempt);
      lease.done(outcomeOf(failure, error));
      return { failure, error };
    }
  }

  /** A transport that cannot say what its error means must not cost the lease. */
  #classify(error: unknown, attempt: Attempt): Failure {
    try {
      return this.#transport.classify(error, attempt);
    } catch {
      return 'fatal';
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
    await this.#call.wait<void>(Number.POSITIVE_INFINITY, nothing, (resolve) => {
      const timer = this.#context.clock.after(delay, resolve, true);
      return () => timer.cancel();
    });
  }

  #timeout(limit: 'totalMs' | 'firstByteMs', ms: number): CrowflyError {
    const { about, settled } = this.#service;
    if (limit === 'firstByteMs')
      return new CrowflyError('timeout', `no first byte within ${ms} ms (timeouts.firstByteMs)`, about);
    const text =
      this.#tries === 0 && !settled
        ? `${about.registry} has not said within ${ms} ms (timeouts.totalMs) which instances '${about.service}' has`
        : `'${about.service}' did not answer within ${ms} ms (timeouts.totalMs): ${this.#tried.text}`;
    return new CrowflyError('timeout', text, { ...about, ...this.#tried.facts });
  }

  #failed({ failure, error: cause }: Failed): CrowflyError {
    const { about } = this.#service;
    const hint =
      this.#request.idempotent || failure === 'not-sent'
        ? ''
        : '; it may have been executed, so it was not tried again (idempotent: true says that it may be)';
    const { text: tried, facts } = this.#tried;
    const text = `'${about.service}' gave no answer: ${tried}: ${describeError(cause)}${hint}`;
    const code = failure === 'timed-out' ? 'timeout' : 'call-failed';
    return new CrowflyError(code, text, { ...about, cause, ...facts });
  }

  /** Which instances were tried, for an error. */
  get #tried(): { readonly text: string; readonly facts: { instance?: string; attempts: number } } {
    const attempts = this.#tries;
    if (this.#lease === undefined) return { text: 'no instance was tried', facts: { attempts } };
    const instance = instanceName(this.#lease.endpoint);
    const text = attempts === 1 ? instance : `${attempts} tries, the last one at ${instance}`;
    return { text, facts: { instance, attempts } };
  }
}

/** A try without an answer. */
interface Failed {
  readonly failure: Failure;
  readonly error: unknown;
}

/** @throws CrowflyError when the registry delivers no set in time */
export async function waitForSet(
  call: ActiveCall,
  service: Service,
  withinMs = service.settings.firstSetMs,
): Promise<void> {
  await call.wait<void>(
    withinMs,
    () => service.trouble(false, withinMs),
    (resolve) => service.whenSettled(resolve),
  );
}

function nothing(): void {}
