import type { Failure } from '@crowfly/core';

/**
 * Errors that a connector saw before there was a connection. The same code (`ECONNRESET`, `ETIMEDOUT`) means another
 * thing before and after, and the error itself does not say which.
 */
const beforeConnection = new WeakSet<object>();

/** For connectors: `error` ended the attempt to connect, TLS included, so nothing of a request was sent. Returns it. */
export function markNotSent<E>(error: E): E {
  if (typeof error === 'object' && error !== null) beforeConnection.add(error);
  return error;
}

/** Codes of Node.js, its DNS, its HTTP parser and undici. Where a code is in no row, see `byPattern`. */
const byCode: Readonly<Record<string, Failure>> = {
  __proto__: null as never,
  // No connection: the instance never saw the request.
  ECONNREFUSED: 'not-sent',
  EHOSTUNREACH: 'not-sent',
  ENETUNREACH: 'not-sent',
  EHOSTDOWN: 'not-sent',
  ENETDOWN: 'not-sent',
  EADDRNOTAVAIL: 'not-sent',
  EACCES: 'not-sent',
  EPERM: 'not-sent',
  ENOENT: 'not-sent',
  ENOTFOUND: 'not-sent',
  EAI_AGAIN: 'not-sent',
  EAI_FAIL: 'not-sent',
  ESERVFAIL: 'not-sent',
  ENODATA: 'not-sent',
  UND_ERR_CONNECT_TIMEOUT: 'not-sent',
  UND_ERR_CLOSED: 'not-sent',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'not-sent',
  ERR_SOCKET_CLOSED_BEFORE_CONNECTION: 'not-sent',
  EPROTO: 'not-sent',
  // A peer's certificate that does not prove what it must: OpenSSL's names, as Node.js reports them.
  CERT_HAS_EXPIRED: 'not-sent',
  CERT_NOT_YET_VALID: 'not-sent',
  CERT_REVOKED: 'not-sent',
  CERT_REJECTED: 'not-sent',
  CERT_SIGNATURE_FAILURE: 'not-sent',
  CERT_CHAIN_TOO_LONG: 'not-sent',
  CERT_UNTRUSTED: 'not-sent',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'not-sent',
  SELF_SIGNED_CERT_IN_CHAIN: 'not-sent',
  UNABLE_TO_GET_ISSUER_CERT: 'not-sent',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'not-sent',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'not-sent',
  UNABLE_TO_GET_CRL: 'not-sent',
  HOSTNAME_MISMATCH: 'not-sent',
  INVALID_CA: 'not-sent',
  INVALID_PURPOSE: 'not-sent',
  PATH_LENGTH_EXCEEDED: 'not-sent',
  // The connection ended, or brought what is no answer.
  ECONNRESET: 'no-answer',
  ECONNABORTED: 'no-answer',
  EPIPE: 'no-answer',
  ERR_STREAM_DESTROYED: 'no-answer',
  ERR_STREAM_PREMATURE_CLOSE: 'no-answer',
  ERR_SOCKET_CLOSED: 'no-answer',
  UND_ERR_SOCKET: 'no-answer',
  UND_ERR_INFO: 'no-answer',
  UND_ERR_DESTROYED: 'no-answer',
  // An answer beyond all limits, or against the rules: its instance's doing, and others may do better. `HPE_` codes too.
  UND_ERR_HEADERS_OVERFLOW: 'no-answer',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'no-answer',
  // undici asserts what it takes for granted of an answer (a status of 100 or more) and of its connection. What is wrong
  // with a request it tells with codes of its own.
  ERR_ASSERTION: 'no-answer',
  // Once there is a connection: the kernel gave up on packets that nobody acknowledged.
  ETIMEDOUT: 'no-answer',
  UND_ERR_HEADERS_TIMEOUT: 'timed-out',
  UND_ERR_BODY_TIMEOUT: 'timed-out',
  ESOCKETTIMEDOUT: 'timed-out',
  UND_ERR_ABORTED: 'canceled',
  UND_ERR_ABORT: 'canceled',
  ABORT_ERR: 'canceled',
  // This process's own limits: another instance would meet them too, and none is to blame.
  EMFILE: 'fatal',
  ENFILE: 'fatal',
  ENOBUFS: 'fatal',
  ENOMEM: 'fatal',
  // The request is what is wrong.
  UND_ERR: 'fatal',
  UND_ERR_INVALID_ARG: 'fatal',
  UND_ERR_INVALID_RETURN_VALUE: 'fatal',
  UND_ERR_NOT_SUPPORTED: 'fatal',
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: 'fatal',
};

const handshake = /ALERT_(?!INTERNAL)|HANDSHAKE|VERSION|PROTOCOL|PACKET_LENGTH|CERT/;

function byPattern(code: string): Failure | undefined {
  if (code.startsWith('ERR_TLS_')) return 'not-sent';
  // TLS: the handshake failed, or the peer refused it. A refusal of our certificate (TLS 1.3) arrives after the first
  // write, but before the server's application reads. Records that break later say nothing of what was executed.
  if (code.startsWith('ERR_SSL_')) return handshake.test(code) ? 'not-sent' : 'no-answer';
  // The HTTP parser: something answered, but not in HTTP.
  if (code.startsWith('HPE_')) return 'no-answer';
  if (code.startsWith('UND_ERR_')) return 'no-answer';
  // Decompression: also of a redirect's body, before there is an answer for the caller.
  if (code.startsWith('Z_')) return 'no-answer';
  // Everything else that Node.js itself raises (`ERR_INVALID_CHAR`, `ERR_HTTP_INVALID_HEADER_VALUE`) is about arguments.
  if (code.startsWith('ERR_')) return 'fatal';
  // Any other name of a system error.
  if (/^E[A-Z0-9]{2,}$/.test(code)) return 'no-answer';
  return undefined;
}

/**
 * What an error of undici, the built-in fetch or node:http, thrown before the head of an answer, says about the try.
 *
 * - `not-sent`: there was no connection: refused, unreachable, name not found, connect timeout, TLS
 * - `no-answer`: the connection ended, or brought no HTTP or more than its limits allow; the request may have been executed. Also any other error of
 *   the network
 * - `timed-out`: a time limit: a `TimeoutError` (what `AbortSignal.timeout` gives as reason), an error with code `timeout`
 * - `canceled`: the caller's abort
 * - `fatal`: the request is wrong, or this process is out of sockets: no instance is to blame, no retry helps. Also
 *   everything unknown that is not of the network
 */
export function classifyError(error: unknown): Failure {
  return verdict(error, 0) ?? 'fatal';
}

/** `undefined`: nothing known about it. */
function verdict(error: unknown, depth: number): Failure | undefined {
  if (typeof error !== 'object' || error === null || depth > 5) return undefined;
  if (beforeConnection.has(error)) return connectVerdict(error);
  const { name, code, cause } = error as { name?: unknown; code?: unknown; cause?: unknown };
  if (name === 'TimeoutError') return 'timed-out';
  if (name === 'AbortError') return 'canceled';
  // undici's parser: its code is missing for some of them.
  if (name === 'HTTPParserError') return 'no-answer';
  if (name === 'CrowflyError') return code === 'timeout' ? 'timed-out' : 'fatal';
  const attempts = (error as { errors?: unknown }).errors;
  // Several addresses of one host were tried (RFC 8305): that is a matter of connecting.
  if (Array.isArray(attempts)) return together(attempts, depth);
  // Node.js names the system call in most errors of sockets, and that tells the phase.
  if (code === 'ETIMEDOUT' && (error as { syscall?: unknown }).syscall === 'connect') return 'not-sent';
  if (code === 'ECONNRESET' && duringHandshake(error)) return 'not-sent';
  if (typeof code === 'string') {
    const known = byCode[code] ?? byPattern(code);
    if (known !== undefined) return known;
  }
  // What fetch throws is a TypeError around the real reason.
  return verdict(cause, depth + 1);
}

/** Node.js gives a handshake that the peer cut off the code of a reset, and only its message tells them apart. */
function duringHandshake(error: object): boolean {
  const { message } = error as { message?: unknown };
  return typeof message === 'string' && message.includes('before secure TLS connection was established');
}

/** Without a connection nothing was sent, whatever the code; but what is wrong with this process stays so. */
function connectVerdict(error: object): Failure {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' && byCode[code] === 'fatal' ? 'fatal' : 'not-sent';
}

/** Safe only when each is: the worst for a retry decides. */
function together(errors: readonly unknown[], depth: number): Failure | undefined {
  const verdicts = errors.map((one) => verdict(one, depth + 1));
  const order: readonly (Failure | undefined)[] = ['fatal', 'canceled', 'no-answer', 'timed-out', 'not-sent'];
  return order.find((one) => verdicts.includes(one));
}
