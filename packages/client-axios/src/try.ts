import { errorMonitor } from 'node:events';
import { finished } from 'node:stream';
import type { Answer, Attempt, Failure } from '@crowfly/core';
import { classifyError } from '@crowfly/http';
import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from 'axios';
import { Abort } from './abort.js';
import type { CallContext } from './context.js';
import { timeoutError } from './errors.js';
import { type Head, Journey } from './journey.js';
import { isStream, timeoutOf } from './request.js';

const ignore = (): void => {};

/** One try: axios' own HTTP adapter, with agents that lead to one instance. */
export class Try {
  /** What axios makes of the answer, whatever its status: with the whole body, or with a stream. */
  readonly response: Promise<AxiosResponse>;
  /** What its error says about its instance; `undefined`: it has not failed. */
  failure: Failure | undefined;
  readonly #context: CallContext;
  readonly #attempt: Attempt;
  readonly #journey: Journey;
  readonly #abort = new Abort();
  readonly #config: InternalAxiosRequestConfig;
  /** Why the body broke off, when axios cannot know. */
  #bodyError: AxiosError | undefined;
  #onHead: (head: Head) => void = ignore;

  constructor(context: CallContext, attempt: Attempt) {
    this.#context = context;
    this.#attempt = attempt;
    this.#journey = new Journey(context, attempt, (head) => this.#onHead(head));
    const { httpAgent, httpsAgent } = this.#journey;
    this.#config = {
      ...context.config,
      httpAgent,
      httpsAgent,
      signal: this.#abort,
      // Decided for the call as a whole: which status is an error, how long it may take, who may end it.
      validateStatus: null,
      timeout: 0,
      cancelToken: undefined,
      // Instances are inside: a proxy for the world outside (HTTP_PROXY) does not know them.
      proxy: false,
    };
    this.response = context.http(this.#config).then(
      (response) => {
        if (this.#journey.invalid === undefined) return this.#restore(response);
        if (isStream(response.data)) response.data.on('error', ignore).destroy();
        throw this.#invalid(this.#journey.invalid);
      },
      (error) => {
        const { invalid } = this.#journey;
        throw invalid ? this.#invalid(invalid) : (this.#bodyError ?? this.#restoreError(error));
      },
    );
  }

  /** The request on the wire. */
  get request(): unknown {
    return this.#journey.exchange?.request;
  }

  /** Settles with the head of an answer, or with why there is none. */
  head(): Promise<Answer<Try>> {
    return new Promise((resolve, reject) => {
      this.#onHead = (head) => {
        this.#limitSilence(head);
        resolve(this.#answer(head.status, head.retryAfterMs));
      };
      this.response.then(
        (response) => {
          // No agent was asked (node:http is mocked, the caller brought a transport): this is the first that is heard.
          if (this.#journey.exchange === undefined) this.#unwatched(response);
          resolve(this.#answer(response.status, undefined));
        },
        (error: AxiosError) => {
          this.#judge(error);
          reject(error);
        },
      );
    });
  }

  /** Ends the try. */
  abort(reason: unknown): void {
    this.#abort.abort(reason);
    this.#journey.end(reason);
  }

  #judge(error: AxiosError): void {
    const failure = this.#classify(error);
    this.failure = this.#journey.left ? 'fatal' : failure;
    this.#journey.failedElsewhere(
      failure === 'not-sent' || failure === 'no-answer'
        ? { kind: failure, error }
        : { kind: failure === 'timed-out' ? 'timed-out' : 'canceled' },
    );
  }

  #classify(error: AxiosError): Failure {
    const { aborted, reason } = this.#abort;
    if (aborted) return classifyError(reason) === 'timed-out' ? 'timed-out' : 'canceled';
    const failure = classifyError(error);
    const { data } = this.#context.config;
    // The caller's own body broke: it would for any instance.
    const ownBody = isStream(data) && error.cause !== undefined && error.cause === data.errored;
    if (failure === 'fatal' || ownBody) return 'fatal';
    // Both know of the last request only. An answer before it, a redirect, shows that the first one was executed.
    const unsent = failure === 'not-sent' || this.#journey.exchange?.connected === false;
    if (unsent) return this.#journey.answered && !this.#journey.left ? 'no-answer' : 'not-sent';
    return failure;
  }

  #answer(status: number, retryAfterMs: number | undefined): Answer<Try> {
    return {
      value: this,
      status,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      discard: () => this.#discard(),
    };
  }

  #discard(): void {
    this.#journey.end(new Error('another try is made instead'));
    this.response.then(({ data }) => {
      if (isStream(data)) data.on('error', ignore).destroy();
    }, ignore);
  }

  /** As axios: once the answer has begun, `timeout` is the longest silence within its body. */
  #limitSilence({ request }: Head): void {
    const { axios, config } = this.#context;
    const silenceMs = timeoutOf(config);
    if (silenceMs === undefined) return;
    request.setTimeout(silenceMs, () => {
      const error = timeoutError(axios, config, { request });
      this.#bodyError = error;
      this.response.then(({ data }) => {
        if (isStream(data)) data.destroy(error);
      }, ignore);
      this.#journey.end(error);
    });
  }

  #unwatched({ status, data }: AxiosResponse): void {
    const { lease } = this.#attempt;
    lease.responded(status);
    if (isStream(data)) finished(data, (error) => lease.done({ kind: error ? 'canceled' : 'answered' }));
    else lease.done({ kind: 'answered' });
  }

  #invalid(reason: Error): AxiosError {
    const { axios, config } = this.#context;
    return axios.AxiosError.from(reason, undefined, config, this.request);
  }

  /** The caller sees its own config: with its URL, its adapter, its limits. */
  #restore(response: AxiosResponse): AxiosResponse {
    response.config = this.#context.config;
    // Watched without being handled: an error that nobody listens to stays one.
    if (isStream(response.data)) response.data.on(errorMonitor, (error) => this.#restoreError(error));
    return response;
  }

  #restoreError(error: AxiosError): AxiosError {
    if (error.config === this.#config) error.config = this.#context.config;
    if (error.response?.config === this.#config) error.response.config = this.#context.config;
    return error;
  }
}
