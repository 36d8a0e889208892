import type { CrowflyError, ErrorCode } from '@crowfly/core';
import { AxiosError, type InternalAxiosRequestConfig } from 'axios';
import type { Axios } from './options.js';

/**
 * What code that tests `error.code` sees for each code of crowfly. `undefined`: the code of the last try's error, such as
 * `ECONNREFUSED` or `ECONNRESET`. `timeout` has one of two: see `timeoutCode`. `error.cause` is the CrowflyError, which
 * says more.
 */
const CODES: Readonly<Record<Exclude<ErrorCode, 'timeout'>, string | undefined>> = {
  'call-failed': undefined,
  // A host name that leads nowhere, as without crowfly. Retrying on top does not help.
  'unknown-service': 'ENOTFOUND',
  'no-instances': AxiosError.ERR_NETWORK,
  'registry-failed': AxiosError.ERR_NETWORK,
  denied: AxiosError.ERR_NETWORK,
  'registry-timeout': AxiosError.ERR_NETWORK,
  'too-many-services': AxiosError.ERR_NETWORK,
  closed: AxiosError.ERR_NETWORK,
  'bad-name': AxiosError.ERR_INVALID_URL,
  'bad-request': AxiosError.ERR_BAD_REQUEST,
  'bad-option': AxiosError.ERR_BAD_OPTION_VALUE,
  'bad-data': AxiosError.ERR_NETWORK,
};

/** An AxiosError with the message of `error` and `error` as its cause. */
export function fromCrowfly(
  axios: Axios,
  error: CrowflyError,
  config: InternalAxiosRequestConfig,
  request?: unknown,
): AxiosError {
  const last = (error.cause as { code?: unknown } | undefined)?.code;
  const code =
    error.code === 'timeout'
      ? timeoutCode(config)
      : (CODES[error.code] ?? (typeof last === 'string' ? last : AxiosError.ERR_NETWORK));
  const wrapped = new axios.AxiosError(error.message, code, config, request);
  // As the `cause` of any error: not enumerable, so that loggers do not walk into sockets.
  Object.defineProperty(wrapped, 'cause', { value: error, writable: true, configurable: true });
  return wrapped;
}

/** What axios throws when `config.timeout` has passed. */
export function timeoutError(
  axios: Axios,
  config: InternalAxiosRequestConfig,
  { request, cause }: { request?: unknown; cause?: unknown },
): AxiosError {
  const message = config.timeoutErrorMessage || `timeout of ${config.timeout}ms exceeded`;
  const error = new axios.AxiosError(message, timeoutCode(config), config, request);
  if (cause !== undefined)
    Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true });
  return error;
}

function timeoutCode({ transitional }: InternalAxiosRequestConfig): string {
  return transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED;
}
