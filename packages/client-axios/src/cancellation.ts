import type { AxiosError, InternalAxiosRequestConfig } from 'axios';
import type { Axios } from './options.js';

/** How a caller ends a call: `config.signal` and the older `config.cancelToken`, as one signal. */
export interface Cancellation {
  /** `undefined`: the caller kept no way to end the call. */
  readonly signal: AbortSignal | undefined;
  /** What the call fails with when the caller has ended it; `undefined` when it has not. */
  error(request?: unknown): AxiosError | undefined;
  /** Lets go of the caller's signal and token. Idempotent. */
  release(): void;
}

export function cancellation(axios: Axios, config: InternalAxiosRequestConfig): Cancellation {
  const { signal, cancelToken } = config;
  if (!cancelToken && (!signal || signal instanceof AbortSignal)) {
    return {
      signal,
      error: (request) => (signal?.aborted ? new axios.CanceledError(undefined, config, request) : undefined),
      release() {},
    };
  }

  // axios takes anything that looks like a signal, and a token is none: both are put behind a real one.
  const controller = new AbortController();
  let tokenReason: unknown;
  const onAbort = (): void => controller.abort((signal as { reason?: unknown } | undefined)?.reason);
  const onCancel = (reason: unknown): void => {
    tokenReason = reason;
    controller.abort(reason);
  };
  if (signal?.aborted) onAbort();
  signal?.addEventListener?.('abort', onAbort);
  // Calls at once when the token has been used already.
  cancelToken?.subscribe(onCancel);
  return {
    signal: controller.signal,
    error(request) {
      // A token's reason is an error of axios and carries the caller's message.
      if (tokenReason !== undefined) return tokenReason as AxiosError;
      return controller.signal.aborted ? new axios.CanceledError(undefined, config, request) : undefined;
    },
    release() {
      signal?.removeEventListener?.('abort', onAbort);
      cancelToken?.unsubscribe(onCancel);
    },
  };
}
