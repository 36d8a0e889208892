import { type Check, CrowflyError, check, checkOptions, printable } from '@crowfly/core';
import type { Limits, Origin } from './options.js';
import type { RegistryRequest } from './types.js';

/** One request as it is sent. */
export interface Plan {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly answerMs: number;
  readonly silenceMs: number;
  /** `GET /path`, for messages: without the query. */
  readonly title: string;
  /** Sent twice it does no harm, and it can be sent twice. */
  readonly repeatable: boolean;
  /** Takes out of a text what the client's credentials are: some servers say back what they were sent. */
  redact(text: string): string;
}

const SHAPE: Readonly<Record<string, Check>> = {
  path: check.string,
  signal: check.anyObject,
  method: check.string,
  headers: check.table(check.either('text', check.string, check.oneOf(''))),
  body: check.either('text', check.string, check.oneOf('')),
  answerMs: check.ms(1),
};

/** What the client says itself, or what would change how the connection is used. */
const OURS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PATH = /^\/[\x21\x22\x24-\x7e]*$/;
const VALUE = /^[\t\x20-\x7e]*$/;

/** @throws CrowflyError `bad-option` for what is of the wrong kind */
export function checkRequest(request: RegistryRequest): void {
  const { silenceMs, ...rest } = request;
  checkOptions('request', rest, SHAPE);
  if (silenceMs !== undefined && silenceMs !== Number.POSITIVE_INFINITY)
    check.ms()(silenceMs, 'request.silenceMs');
}

/**
 * @param credentials what the client's `headers` said
 * @throws CrowflyError `bad-request` for what no request may hold
 */
export function planOf(
  request: RegistryRequest,
  credentials: Readonly<Record<string, string>>,
  limits: Limits,
  origin: Origin,
): Plan {
  const { path, method = 'GET', body, answerMs = limits.answerMs } = request;
  const title = titleOf(method, path);
  if (!TOKEN.test(method) || !PATH.test(path)) {
    throw new CrowflyError(
      'bad-request',
      `${origin.name}: cannot send ${title}: expected a method, and a path that begins with '/' and is percent-encoded`,
    );
  }
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  for (const [name, value] of [...Object.entries(credentials), ...Object.entries(request.headers ?? {})]) {
    if (value === undefined) continue;
    const lower = name.toLowerCase();
    const fault = headerFault(lower, value);
    if (fault !== undefined)
      throw new CrowflyError('bad-request', `${origin.name}: cannot send ${title}: ${fault}`);
    headers[lower] = value;
  }
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  return {
    method,
    path,
    headers,
    body,
    answerMs,
    silenceMs: request.silenceMs ?? answerMs,
    title,
    repeatable: body === undefined && (method === 'GET' || method === 'HEAD'),
    redact: (text) => secretsOf(credentials).reduce((rest, secret) => rest.replaceAll(secret, '…'), text),
  };
}

function titleOf(method: string, path: string): string {
  return printable(`${method} ${path.replace(/\?.*/s, '')}`, 200);
}

/** Whole values, and the words of those that have several: `Bearer <token>`. What is short is a word like any other. */
function secretsOf(credentials: Readonly<Record<string, string>>): string[] {
  return Object.values(credentials)
    .flatMap((value) => [value, ...value.split(/\s+/)])
    .filter((secret) => secret.length >= 8);
}

/** Never shows the value: it is often a credential, and a line break at the end of its file is what is wrong with it. */
function headerFault(name: string, value: unknown): string | undefined {
  const shown = printable(name);
  if (!TOKEN.test(name)) return `'${shown}' is no name for a header`;
  if (OURS.has(name)) return `the header '${shown}' is set by the client itself`;
  if (typeof value !== 'string') return `the value of the header '${shown}' is no text`;
  if (!VALUE.test(value))
    return `the value of the header '${shown}' has a line break or a character that no header may have`;
  return undefined;
}
