import type { AxiosError, CancelToken, InternalAxiosRequestConfig } from 'axios';
import type { AxiosModule } from './options.js';

/** How a caller ends a call: `config.signal` and the older `config.cancelToken`, as one signal. */
export interface Cancellation {
  /** `undefined`: the caller kept no way to end the call. */
  readonly signal: AbortSignal | undefined;
  /** What the call fails with when the caller has ended it; `undefined` when it has not. */
  error(request?: unknown): AxiosError | undefined;
  /** Lets go of the caller's signal and token. Idempotent. */
  release(): void;
}

export function cancellation(axios: AxiosModule, config: InternalAxiosRequestConfig): Cancellation {
  const { signal, cancelToken } = config;
  const error = (request?: unknown): AxiosError | undefined => {
    // A token's reason is made by axios and carries the caller's message.
    const reason = (cancelToken as (CancelToken & { reason?: unknown }) | undefined)?.reason;
    if (reason !== undefined) return reason as AxiosError;
    return signal?.aborted ? new axios.CanceledError(undefined, config, request) : undefined;
  };
  if (!cancelToken && (!signal || signal instanceof AbortSignal)) return { signal, error, release() {} };

  // axios takes anything that looks like a signal, and tokens are none: both are put behind a real one.
  const controller = new AbortController();
  const onAbort = (): void => controller.abort((signal as { reason?: unknown } | undefined)?.reason);
  const onCancel = (reason: unknown): void => controller.abort(reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener?.('abort', onAbort);
  cancelToken?.subscribe(onCancel);
  return {
    signal: controller.signal,
    error,
    release() {
      signal?.removeEventListener?.('abort', onAbort);
      cancelToken?.unsubscribe(onCancel);
    },
  };
}
