import { CrowflyError, describeError, printable } from '@crowfly/core';
import type { Origin } from './options.js';

export function failed(message: string, cause?: unknown): CrowflyError {
  return new CrowflyError('registry-failed', message, { cause: bare(cause) });
}

/** Where a connection leads, for messages. */
export interface Place {
  readonly origin: Origin;
  readonly socketPath?: string | undefined;
}

export function placeName({ origin, socketPath }: Place): string {
  return socketPath === undefined ? origin.name : `${origin.name} (unix socket ${socketPath})`;
}

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

const UNREACHABLE: ReadonlySet<string> = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN']);

/** What an error says that ended an attempt to connect, TLS included. */
export function connectError(place: Place, error: unknown): CrowflyError {
  if (error instanceof CrowflyError) return error;
  return failed(
    connectMessage(place, error) ?? `cannot connect to ${placeName(place)}: ${reasonOf(error)}`,
    error,
  );
}

function connectMessage(place: Place, error: unknown): string | undefined {
  const code = codeOf(error);
  const name = placeName(place);
  const { origin, socketPath } = place;
  if (code === 'ECONNREFUSED') return `nothing listens at ${name}: is the address right, and is it running?`;
  if (socketPath !== undefined && code === 'ENOENT')
    return `there is no unix socket at ${socketPath}, for ${origin.name}`;
  if (socketPath !== undefined && code === 'EACCES') {
    return `this process may not use the unix socket ${socketPath}, for ${origin.name}: check its permissions`;
  }
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return `the host of ${name} cannot be found in DNS (${code}): is the name right?`;
  }
  if (UNREACHABLE.has(code))
    return `no way leads to ${name} (${code}): is the address right, and a network policy in the way?`;
  if (code === 'ETIMEDOUT')
    return `${name} cannot be reached (${code}): is the address right, and a firewall in the way?`;
  return certificateMessage(place, error) ?? handshakeMessage(place, error);
}

function certificateMessage(place: Place, error: unknown): string | undefined {
  const code = codeOf(error);
  const name = placeName(place);
  if (UNKNOWN_AUTHORITY.has(code)) {
    return `the certificate of ${name} is signed by an unknown authority (${code}): trust that authority's certificate`;
  }
  switch (code) {
    case 'CERT_SIGNATURE_FAILURE':
      return `the certificate of ${name} was not signed by the authority that is trusted (${code}): is ca the current one?`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID': {
      const why = describeError((error as { reason?: unknown }).reason);
      return `the certificate of ${name} is for another name: ${why} Use a name that it holds, or set servername`;
    }
    case 'CERT_HAS_EXPIRED':
      return `the certificate of ${name}, or of its authority, has expired: it must be renewed; or this machine's time is wrong`;
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${name} is not valid yet: is this machine's time right?`;
    default:
      return undefined;
  }
}

/** The server's verdict on our certificate, as TLS alerts. With TLS 1.3 it comes after the connection is there. */
function handshakeMessage(place: Place, error: unknown): string | undefined {
  const code = codeOf(error);
  const name = placeName(place);
  if (/ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/.test(code)) {
    return `${name} ended the TLS handshake (${code}): it may require a client certificate (cert, key)`;
  }
  if (code.endsWith('ALERT_NO_APPLICATION_PROTOCOL')) {
    return `${name} speaks no HTTP/1.1: does it speak HTTP/2 only?`;
  }
  if (/ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/.test(code)) {
    return `${name} does not accept the client certificate (${code}): are cert and key the right ones, and not expired?`;
  }
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL|HTTP_REQUEST|RECORD_LAYER_FAILURE/.test(
      code,
    )
  ) {
    return `${name} does not speak TLS (${code}): is it http:// rather than https://?`;
  }
  if (code === 'ECONNRESET' && String((error as Error).message).includes('before secure TLS connection')) {
    return `${name} closed the connection during the TLS handshake: is it https there, and what does the server's log say?`;
  }
  return undefined;
}

/** What `tls.connect` or `tls.createSecureContext` throws. */
export function materialError(place: Place, error: unknown): CrowflyError {
  const what = `the TLS material for ${placeName(place)} cannot be used: ${reasonOf(error)}`;
  return failed(`${what}: check ca, cert, key, passphrase and pfx`, error);
}

/** What an error says that came after the connection and before the head of an answer. */
export function noAnswer(place: Place, title: string, error: unknown): CrowflyError {
  if (error instanceof CrowflyError) return error;
  const name = placeName(place);
  const code = codeOf(error);
  const tls = handshakeMessage(place, error);
  if (tls !== undefined) return failed(tls, error);
  if (code.startsWith('HPE_')) {
    const said = (error as { rawPacket?: Uint8Array }).rawPacket?.[0];
    // The first byte of a TLS alert.
    if (said === 0x15) return failed(`${name} speaks TLS: is it https:// rather than http://?`, error);
    return failed(
      `${name} answered ${title} in something that is not HTTP/1.1 (${code}): is the port right?`,
      error,
    );
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    const hint = place.origin.tls ? '' : ': it is restarting, or expects https';
    return failed(`${name} closed the connection without an answer to ${title}${hint}`, error);
  }
  const why = error === undefined ? '' : `: ${describeError(error)}`;
  return failed(`no answer from ${name} to ${title}${why}`, error);
}

export function late(place: Place, { title, answerMs }: { title: string; answerMs: number }): CrowflyError {
  return failed(`no answer from ${placeName(place)} to ${title} within ${answerMs} ms: is it overloaded?`);
}

/** What an error says that came after the head and before the end of the body. */
export function brokenBody(place: Place, title: string, error: unknown): CrowflyError {
  if (error instanceof CrowflyError) return error;
  const code = codeOf(error);
  const why = error === undefined || code === 'ECONNRESET' ? '' : `: ${describeError(error)}`;
  return failed(
    `the connection to ${placeName(place)} ended in the middle of the answer to ${title}${why}`,
    error,
  );
}

/** What OpenSSL says is mostly about its own source; its reason stands apart. */
function reasonOf(error: unknown): string {
  const { library, reason } = (error ?? {}) as { library?: unknown; reason?: unknown };
  return typeof library === 'string' && typeof reason === 'string' ? printable(reason) : describeError(error);
}

/** Several addresses of one host were tried: what the first said stands for all. */
function codeOf(error: unknown): string {
  const { code, errors } = (error ?? {}) as { code?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : '';
}

/** What Node.js attaches to some errors fills a log: certificates as bytes, what the peer sent. */
function bare(cause: unknown): unknown {
  if (cause instanceof Error) {
    for (const key of ['cert', 'rawPacket']) Reflect.deleteProperty(cause, key);
  }
  return cause;
}
