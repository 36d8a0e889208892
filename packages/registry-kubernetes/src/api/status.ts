import { CrowflyError, type ErrorCode, printable } from '@crowfly/core';
import { parseRetryAfter } from '@crowfly/http';

/** What a request was about, in the words of RBAC. */
export interface Subject {
  readonly verb: 'list' | 'watch' | 'get';
  readonly resource: 'endpointslices' | 'endpoints' | 'services' | 'namespaces';
  readonly namespace: string;
  /** What to add where the namespace is named: '' or that nobody asked for this one. */
  readonly note: string;
  /** Whose right it would be: `the token in /var/run/...`; `undefined`: nobody's. */
  readonly credentials: string | undefined;
  readonly origin: string;
}

/** The version that was asked for is gone, or not there yet: list anew, and ask for the latest. */
export class Expired extends Error {}

/** The server asks to come later: 429, or what its flow control says. */
export class Busy extends Error {
  readonly afterMs: number;
  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** 403: it knows who we are, and that we may not. */
export class Forbidden extends CrowflyError {}

/** As the server describes what went wrong: a `Status` object. Anything may come. */
interface Status {
  readonly code?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: { readonly causes?: unknown; readonly retryAfterSeconds?: unknown };
}

/** The wait that a 429 without Retry-After asks for, and the longest one that is followed. */
const DEFAULT_BUSY_MS = 1_000;
const MAX_BUSY_MS = 30_000;

/** An answer other than 200, as the error to throw. `body`: what it said, if that was JSON. */
export function refusal(
  subject: Subject,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Error {
  const said = asStatus(body);
  const text = typeof said.message === 'string' ? printable(said.message, 300) : '';
  const where = `${subject.verb} ${subject.resource} in namespace '${subject.namespace}'`;
  const answered = `${subject.origin} answered ${status} when asked to ${where}${text === '' ? '' : `: ${text}`}`;
  if (status === 410 || said.reason === 'Expired' || said.reason === 'Gone' || isTooLarge(said))
    return new Expired(answered);
  if (status === 429 || said.reason === 'TooManyRequests') return new Busy(answered, busyMs(said, headers));
  if (status === 401 && subject.credentials === undefined)
    return error(
      'denied',
      `${subject.origin} wants to know who asks (401, when asked to ${where}), and there are no credentials: pass a tokenFile`,
    );
  if (status === 401)
    return error(
      'denied',
      `${subject.origin} does not accept ${subject.credentials} (401, when asked to ${where}): it has expired, was revoked, or is of another cluster`,
    );
  if (status === 403 && subject.credentials === undefined)
    return new Forbidden(
      'denied',
      `${subject.origin} does not let just anybody ${where} (403${user(text)}), and no credentials were sent: pass a tokenFile`,
    );
  if (status === 403)
    return new Forbidden(
      'denied',
      `${subject.origin} does not let us ${where} (403${user(text)}): ${grant(subject)}${subject.note}`,
    );
  if (status === 400 && subject.origin.startsWith('http:'))
    return error('registry-failed', `${answered}; does it speak https?`);
  if (status === 404)
    return error(
      'registry-failed',
      `${answered || 'not found'}: this API server has no such resource${subject.resource === 'endpointslices' ? "; before Kubernetes 1.21 use kubernetes({ api: 'endpoints' })" : ''}`,
    );
  if (status >= 300 && status < 400)
    return error('registry-failed', `${answered}: a redirect; is this the address of an API server?`);
  return error('registry-failed', answered);
}

/** An ERROR event inside a watch. */
export function streamError(subject: Subject, object: unknown): Error {
  const code = asStatus(object).code;
  return refusal(subject, typeof code === 'number' ? code : 500, object);
}

const GROUPS = {
  endpointslices: 'discovery.k8s.io',
  endpoints: '""',
  services: '""',
  namespaces: '""',
} as const;

/** The line of a manifest that grants what was refused. */
export function grant({
  resource,
  namespace,
  verb,
}: Pick<Subject, 'resource' | 'namespace' | 'verb'>): string {
  const verbs = resource === 'services' || resource === 'namespaces' ? 'get' : 'get, list, watch';
  const kind = resource === 'namespaces' ? 'a ClusterRole' : `a Role in '${namespace}' (or a ClusterRole)`;
  return `it takes ${kind} with { apiGroups: [${GROUPS[resource]}], resources: [${resource}], verbs: [${verbs.includes(verb) ? verbs : `${verbs}, ${verb}`}] }, bound to this account; the package's manifests have it`;
}

/** The account, when the server names it: `User "system:serviceaccount:shop:web" cannot list ...`. */
function user(text: string): string {
  const name = /^[^"]*User "([^"]{1,200})"/.exec(text)?.[1] ?? /User "([^"]{1,200})"/.exec(text)?.[1];
  return name === undefined ? '' : `, ${name}`;
}

function error(code: ErrorCode, message: string): CrowflyError {
  return new CrowflyError(code, message);
}

function asStatus(body: unknown): Status {
  return typeof body === 'object' && body !== null ? (body as Status) : {};
}

/** A list that may not be older than a version the server has not reached: etcd was restored, or this server lags. */
function isTooLarge({ details, message }: Status): boolean {
  const causes: unknown = details?.causes;
  const named =
    Array.isArray(causes) &&
    causes.some((cause: { reason?: unknown } | null) => cause?.reason === 'ResourceVersionTooLarge');
  return named || (typeof message === 'string' && message.includes('Too large resource version'));
}

function busyMs({ details }: Status, headers: Readonly<Record<string, string>>): number {
  const seconds = details?.retryAfterSeconds;
  const inBody = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
  const asked = parseRetryAfter(headers['retry-after']) ?? inBody ?? DEFAULT_BUSY_MS;
  return Math.min(MAX_BUSY_MS, Math.max(0, asked));
}
