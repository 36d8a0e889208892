import { isIdempotentMethod } from '@crowfly/http';

/** The members of a RequestInit that the built-in fetch reads, and ours. */
const MEMBERS = [
  'method',
  'headers',
  'body',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'integrity',
  'keepalive',
  'signal',
  'window',
  'duplex',
  'priority',
  'dispatcher',
  'crowfly',
] as const;

/** What a caller gave as `init`, each member read once and kept: a call may send it several times. */
export type Init = { [K in (typeof MEMBERS)[number]]?: unknown };

/**
 * Reads as fetch does: inherited members count, and getters are asked. What the caller may change after the call
 * (headers, buffers, forms) is copied, as fetch would have copied it before it returned.
 */
export function readInit(init: object): Init {
  const known: Init = {};
  for (const member of MEMBERS) {
    const value = (init as Init)[member];
    if (value !== undefined) known[member] = value;
  }
  if (known.headers !== undefined) known.headers = copyHeaders(known.headers);
  if (known.body !== undefined) known.body = copyBody(known.body);
  return known;
}

function copyHeaders(headers: unknown): unknown {
  // Fetch says best what is wrong with anything else.
  if (typeof headers !== 'object' || headers === null) return headers;
  if (headers instanceof Headers) return new Headers(headers);
  if (Symbol.iterator in headers) {
    const pairs = [...(headers as Iterable<unknown>)];
    return pairs.map((pair) => (isIterable(pair) ? [...pair] : pair));
  }
  return { ...headers };
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

function copyBody(body: unknown): unknown {
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  if (body instanceof URLSearchParams) return new URLSearchParams(body);
  if (body instanceof FormData) {
    const copy = new FormData();
    for (const [name, value] of body) {
      if (typeof value === 'string') copy.append(name, value);
      else copy.append(name, value, value.name);
    }
    return copy;
  }
  return body;
}

/** Whether a body can be sent again. Streams and async iterables cannot; unknown objects are taken for such. */
export function isReplayable(body: unknown): boolean {
  return (
    typeof body !== 'object' ||
    body === null ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob
  );
}

/** Methods that fetch accepts in any case. It leaves all others as they are, and so do we: `Patch` is not PATCH. */
const NORMALISED: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']);

/** Whether executing the request twice does no harm: by its method, or because it says so itself. */
export function isIdempotent(input: string | Request, init: Init): boolean {
  const request = typeof input === 'string' ? undefined : input;
  if (request === undefined && init.method === undefined) return true; // GET
  const written = init.method === undefined ? (request?.method ?? 'GET') : String(init.method);
  const upper = written.toUpperCase();
  if (isIdempotentMethod(NORMALISED.has(upper) ? upper : written)) return true;
  const headers = init.headers ?? request?.headers;
  return headers !== undefined && hasIdempotencyKey(headers);
}

const KEY = 'idempotency-key';

function hasIdempotencyKey(headers: unknown): boolean {
  if (headers instanceof Headers) return headers.has(KEY);
  if (typeof headers !== 'object' || headers === null) return false;
  const names = Array.isArray(headers) ? headers.map((pair) => pair?.[0]) : Object.keys(headers);
  return names.some(
    (name) => typeof name === 'string' && name.length === KEY.length && name.toLowerCase() === KEY,
  );
}
