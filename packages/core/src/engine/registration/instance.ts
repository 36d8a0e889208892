import type { Instance, Liveness } from '../../contract/registrar.js';
import type { Self } from '../../contract/registry.js';
import { CrowflyError } from '../../errors.js';
import { isAddress } from '../../names.js';
import { type Check, check, checkOptions } from '../../options.js';
import { hasControl } from '../../text.js';
import { DEFAULTS } from '../defaults.js';
import type { CheckOptions, RegisterOptions } from './api.js';
import { type FoundHost, findHost } from './find-host.js';

/** A host that can stand in a URL: a DNS name, or an address as it is written there. */
const DNS_NAME = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/;
const MAX_ID = 256;

const port: Check = (value, path) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return;
  const hint = value === 0 ? ': 0 means any, so pass the one that the server got, server.address().port' : '';
  throw bad(
    path,
    `expected a port from 1 to 65535, got ${typeof value === 'number' ? value : typeof value}${hint}`,
  );
};

const plain =
  (max: number): Check =>
  (value, path) => {
    check.string(value, path);
    if (hasControl(value as string)) throw bad(path, 'has a control character');
    if ((value as string).length > max) throw bad(path, `has more than ${max} characters`);
  };

const host: Check = (value, path) => {
  plain(253)(value, path);
  const text = value as string;
  // What URL parsers take for an address has to be one as everybody writes it.
  if (isAddress(text) ? isPlainAddress(text) : DNS_NAME.test(text)) return;
  throw bad(
    path,
    "expected an IP address or a DNS name, without scheme, port and brackets, as in '10.0.0.5'",
  );
};

const metadata: Check = (value, path) => {
  check.anyObject(value, path);
  for (const [key, entry] of Object.entries(value as object)) {
    if (key === '__proto__' || key === '' || hasControl(key))
      throw bad(path, 'has a key that is empty, __proto__, or has control characters');
    if (typeof entry !== 'string') throw bad(`${path}.${key}`, `expected a string, got ${typeof entry}`);
    if (hasControl(entry)) throw bad(`${path}.${key}`, 'has a control character');
  }
};

const OPTIONS: Readonly<Record<keyof RegisterOptions, Check>> = {
  service: check.string,
  port,
  host,
  id: plain(MAX_ID),
  protocol: check.oneOf('http', 'https', 'h2c'),
  zone: plain(128),
  node: plain(256),
  weight: check.number(0, 65_535),
  version: plain(128),
  tags: check.list(plain(255), "a list of tags, as in ['v2']"),
  metadata,
  check: check.anyObject,
  health: check.function,
  deregisterAfterMs: check.ms(1_000),
  propagationMs: check.ms(),
  registry: check.function,
};

/** @throws CrowflyError `bad-option` with the path of what is wrong */
export function checkRegisterOptions(options: RegisterOptions): void {
  checkOptions('register', options, OPTIONS);
  for (const key of ['service', 'port'] as const) {
    if (options[key] === undefined) throw bad(`register.${key}`, 'is missing');
  }
}

export interface InstanceContext {
  /** Canonical. */
  readonly service: string;
  readonly self: Self;
  readonly env: Readonly<Record<string, string | undefined>>;
  random(): number;
}

/**
 * What is to stand in the registry.
 *
 * @param options checked
 * @throws CrowflyError `bad-option`
 */
export function instanceOf(
  options: RegisterOptions,
  { service, self, env, random }: InstanceContext,
): { readonly instance: Instance; readonly found: FoundHost } {
  const found = options.host === undefined ? findHost(env) : { host: options.host, by: "the option 'host'" };
  // What the environment says is no better than what an option says.
  host(found.host, options.host === undefined ? found.by : 'register.host');
  const {
    tags = [],
    metadata: facts = {},
    deregisterAfterMs = DEFAULTS.registration.deregisterAfterMs,
  } = options;
  const zone = options.zone ?? self.zone;
  const node = options.node ?? self.node;
  const { protocol, weight, version } = options;
  const instance: Instance = {
    service,
    id: options.id ?? idOf(service, found.host, options.port, random),
    host: found.host,
    port: options.port,
    ...(protocol === undefined ? {} : { protocol }),
    ...(zone === undefined ? {} : { zone }),
    ...(node === undefined ? {} : { node }),
    ...(weight === undefined ? {} : { weight }),
    ...(version === undefined ? {} : { version }),
    tags: Object.freeze([...tags]),
    metadata: Object.freeze({ ...facts }),
    liveness: livenessOf(options.check ?? {}),
    deregisterAfterMs,
  };
  return { instance: Object.freeze(instance), found };
}

/** `orders-10.0.0.5-8080-k3j2h1`: says where it is to whoever reads it, and is new with each start. */
function idOf(service: string, at: string, number: number, random: () => number): string {
  const tail = Array.from({ length: 8 }, () => Math.floor(random() * 36).toString(36)).join('');
  return `${service}-${at}-${number}-${tail}`.replace(/[^A-Za-z0-9._-]/g, '-').slice(-MAX_ID);
}

function livenessOf(given: CheckOptions): Liveness {
  const { ttlMs, checkIntervalMs, checkTimeoutMs } = DEFAULTS.registration;
  if ('http' in given || 'tcp' in given) {
    const times = { intervalMs: check.ms(1_000), timeoutMs: check.ms(1) };
    const { intervalMs = checkIntervalMs, timeoutMs = checkTimeoutMs } = given;
    if ('tcp' in given) {
      checkOptions('register.check', given, { tcp: check.oneOf(true), ...times });
      return Object.freeze({ kind: 'tcp', intervalMs, timeoutMs });
    }
    checkOptions('register.check', given, { http: path, ...times });
    return Object.freeze({ kind: 'http', path: given.http, intervalMs, timeoutMs });
  }
  checkOptions('register.check', given, { ttlMs: check.ms(1_000) });
  return Object.freeze({ kind: 'heartbeat', ttlMs: given.ttlMs ?? ttlMs });
}

const path: Check = (value, at) => {
  check.string(value, at);
  if (/^\/[\x21\x22\x24-\x7e]*$/.test(value as string) && !(value as string).startsWith('//')) return;
  throw bad(at, "expected a path on the instance itself, percent-encoded, as in '/health'");
};

const isPlainAddress = (text: string): boolean => /^(?:[0-9.]+|[0-9a-f:.]+)$/i.test(text) && isReal(text);

/** Not what only URL parsers read as one, such as 127.1; and none that no instance has. */
function isReal(text: string): boolean {
  if (text.includes(':')) return URL.canParse(`http://[${text}]/`);
  return (
    /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(text) && text !== '0.0.0.0'
  );
}

function bad(at: string, text: string): CrowflyError {
  return new CrowflyError('bad-option', `${at}: ${text}`, { path: at });
}
