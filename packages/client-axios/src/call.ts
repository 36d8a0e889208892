import { isCrowflyError, type Transport } from '@crowfly/core';
import { classifyError } from '@crowfly/http';
import type { AxiosError, AxiosResponse } from 'axios';
import { type Cancellation, cancellation } from './cancellation.js';
import type { CallContext } from './context.js';
import { fromCrowfly, timeoutError } from './errors.js';
import { describeRequest, isStream, timeoutOf } from './request.js';
import { Try } from './try.js';

/** One call to a service, from axios' config to what axios' own adapter would give. */
export async function callService(context: CallContext): Promise<AxiosResponse> {
  const { axios, engine, route, config } = context;
  checkConfig(context);
  const cancel = cancellation(axios, config);
  const startedAt = performance.now();
  /** By their numbers. */
  const tries: Try[] = [];
  const transport: Transport<Try> = {
    send(attempt) {
      const running = new Try(context, attempt);
      attempt.onAbort((reason) => running.abort(reason));
      tries[attempt.number] = running;
      return running.head();
    },
    classify: (error, { number }) => tries[number]?.failure ?? classifyError(error),
  };
  try {
    const answered = await engine.call(route, describeRequest(config, cancel.signal), transport);
    return settle(context, await body(answered, cancel));
  } catch (error) {
    cancel.release();
    const request = tries.at(-1)?.request;
    throw cancel.error(request) ?? explain(context, error, performance.now() - startedAt, request);
  }
}

function checkConfig({ axios, route, config }: CallContext): void {
  const { ERR_BAD_OPTION_VALUE, ERR_NOT_SUPPORT } = axios.AxiosError;
  if (Number(config.httpVersion ?? 1) !== 1) {
    const text = `httpVersion ${config.httpVersion} does not work for services yet ('${route.service}'): leave it out`;
    throw new axios.AxiosError(text, ERR_NOT_SUPPORT, config);
  }
  if (config.timeout && Number.isNaN(Number.parseInt(String(config.timeout), 10))) {
    throw new axios.AxiosError('config.timeout is no number of milliseconds', ERR_BAD_OPTION_VALUE, config);
  }
}

/** The rest of an answer. The engine's part ended with its head; the caller may still give up. */
async function body(answered: Try, { signal, release }: Cancellation): Promise<AxiosResponse> {
  const abort = (): void => answered.abort(signal?.reason);
  const unlink = (): void => {
    signal?.removeEventListener('abort', abort);
    release();
  };
  if (signal?.aborted) abort();
  else signal?.addEventListener('abort', abort);
  try {
    const response = await answered.response;
    if (isStream(response.data)) response.data.once('close', unlink);
    else unlink();
    return response;
  } catch (error) {
    unlink();
    throw error;
  }
}

/** What axios' adapters end with: the caller's word on which status is an error. */
function settle({ axios, config }: CallContext, response: AxiosResponse): AxiosResponse {
  const { status, request } = response;
  if (!status || !config.validateStatus || config.validateStatus(status)) return response;
  const { ERR_BAD_REQUEST, ERR_BAD_RESPONSE } = axios.AxiosError;
  const code = status >= 400 && status < 500 ? ERR_BAD_REQUEST : ERR_BAD_RESPONSE;
  throw new axios.AxiosError(`Request failed with status code ${status}`, code, config, request, response);
}

/** As axios would put it. */
function explain(
  { axios, config }: CallContext,
  error: unknown,
  elapsedMs: number,
  request: unknown,
): unknown {
  // A redirect to a service that could not be followed comes wrapped by axios.
  const reason = isCrowflyError(error) ? error : (error as AxiosError | undefined)?.cause;
  if (!isCrowflyError(reason)) return error;
  const limitMs = timeoutOf(config);
  // A millisecond for the rounding of timers.
  if (reason.code === 'timeout' && limitMs !== undefined && elapsedMs >= limitMs - 1) {
    return timeoutError(axios, config, { request, cause: reason });
  }
  return fromCrowfly(axios, reason, config, request);
}
