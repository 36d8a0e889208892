import type { Answer, Attempt, Failure, Transport } from '@crowfly/core';
import { classifyError, openedPools, openPools } from '@crowfly/http';
import { isTimeLimit } from './exchange.js';
import type { NativeFetch } from './native-fetch.js';
import type { Init } from './request.js';
import { type CallFacts, TryDispatcher } from './try-dispatcher.js';

/** One call: each try is one call of the built-in fetch, with a dispatcher that sends to the instance of the try. */
export class FetchCall implements Transport<Response> {
  readonly #facts: CallFacts;
  readonly #input: string | Request;
  readonly #init: Init;
  readonly #native: NativeFetch;
  /** By their numbers. */
  readonly #tries: TryDispatcher[] = [];

  constructor(facts: CallFacts, input: string | Request, init: Init, native: NativeFetch) {
    this.#facts = facts;
    this.#input = input;
    this.#init = init;
    this.#native = native;
  }

  async send(attempt: Attempt): Promise<Answer<Response>> {
    const { engine } = this.#facts;
    const pools = openedPools(engine) ?? (await openPools(engine));
    const dispatcher = new TryDispatcher(this.#facts, pools, attempt);
    this.#tries[attempt.number] = dispatcher;
    const response = await this.#native(this.#input, { ...this.#init, dispatcher }, false);
    const { retryAfterMs } = dispatcher;
    return {
      value: response,
      status: response.status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      discard: () => void response.body?.cancel().catch(() => {}),
    };
  }

  classify(error: unknown, { number }: Attempt): Failure {
    const { signal } = this.#facts;
    if (signal?.aborted) return isTimeLimit(signal.reason) ? 'timed-out' : 'canceled';
    const tried = this.#tries[number];
    if (tried?.dropped) return 'fatal';
    const failure = classifyError(error);
    // The connection that failed was one that an answer redirected to: by then the request had been executed.
    return failure === 'not-sent' && tried?.answered ? 'no-answer' : failure;
  }
}
