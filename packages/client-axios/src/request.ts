import type { Readable } from 'node:stream';
import { type CallOptions, type CallRequest, checkCallOptions } from '@crowfly/core';
import { isIdempotentMethod } from '@crowfly/http';
import type { InternalAxiosRequestConfig } from 'axios';

/**
 * What the engine has to know of a request.
 *
 * @throws CrowflyError `bad-option`: `config.crowfly`
 */
export function describeRequest(
  config: InternalAxiosRequestConfig,
  signal: AbortSignal | undefined,
): CallRequest {
  const options: CallOptions = config.crowfly ?? {};
  if (config.crowfly !== undefined) checkCallOptions(options, 'config.crowfly');
  const timeoutMs = timeoutOf(config);
  const totalMs = Math.min(
    timeoutMs ?? Number.POSITIVE_INFINITY,
    options.timeouts?.totalMs ?? Number.POSITIVE_INFINITY,
  );
  return {
    ...options,
    // axios' own limit covers all tries, and is the caller's word on how long the call may take.
    ...(totalMs < Number.POSITIVE_INFINITY && { timeouts: { ...options.timeouts, totalMs } }),
    idempotent:
      options.idempotent ??
      (isIdempotentMethod(config.method?.toUpperCase() ?? 'GET') || config.headers.has('Idempotency-Key')),
    replayable: !isStream(config.data),
    signal,
  };
}

/** What timers can hold: 24.8 days. They take anything longer for 1 ms. */
const LONGEST_MS = 2 ** 31 - 1;

/** `config.timeout` in milliseconds; `undefined`: none. axios takes a numeric string too. */
export function timeoutOf({ timeout }: InternalAxiosRequestConfig): number | undefined {
  const ms = typeof timeout === 'number' ? Math.trunc(timeout) : Number.parseInt(String(timeout ?? 0), 10);
  return ms > 0 ? Math.min(ms, LONGEST_MS) : undefined;
}

/**
 * A stream, as axios tells one: also one that is not Node.js' own (`form-data`). It can be read once; everything else that
 * axios sends can be sent again.
 */
export function isStream(value: unknown): value is Readable {
  return (
    typeof value === 'object' && value !== null && typeof (value as { pipe?: unknown }).pipe === 'function'
  );
}
