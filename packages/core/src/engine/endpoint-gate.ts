import { isIPv4, isIPv6 } from 'node:net';
import type { Endpoint } from '../contract/endpoint.js';
import type { Problem } from '../contract/registry.js';
import { CrowflyError } from '../errors.js';
import { hasControl, isAddress, printable } from '../names.js';
import { kindOf } from '../options.js';

const MAX_TEXT = 512;
const MAX_METADATA_ENTRIES = 256;
const MAX_METADATA_VALUE = 4096;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;

/** What one set looks like after the gate: frozen endpoints with distinct ids, and what was wrong with the rest. */
export interface Gated {
  readonly endpoints: readonly Endpoint[];
  readonly problems: readonly Problem[];
}

/**
 * The one place where what a registry says becomes what the engine believes. Registries' contents are not trusted: a
 * bad entry costs that entry, a bad whole is an error.
 */
export class EndpointGate {
  readonly #max: number;
  /** Frozen entries that were read before: an adapter that keeps its objects costs O(changes). */
  readonly #read = new WeakMap<object, Endpoint>();

  constructor(maxEndpoints: number) {
    this.#max = maxEndpoints;
  }

  /** @throws CrowflyError `bad-data` when the set is no list, or has more entries than allowed */
  admit(raw: unknown): Gated {
    if (!Array.isArray(raw)) {
      throw new CrowflyError('bad-data', `a registry must publish a list of endpoints, got ${kindOf(raw)}`);
    }
    if (raw.length > this.#max) {
      throw new CrowflyError(
        'bad-data',
        `the registry delivered ${raw.length} endpoints, more than limits.maxEndpoints (${this.#max}): raise it if that is right`,
      );
    }
    const endpoints: Endpoint[] = [];
    const problems: Problem[] = [];
    const ids = new Set<string>();
    for (let index = 0; index < raw.length; index++) {
      const entry: unknown = raw[index];
      try {
        const endpoint = this.#readOnce(entry);
        if (ids.has(endpoint.id))
          throw new Fault('duplicate-id', `id '${printable(endpoint.id)}' stands there twice`);
        ids.add(endpoint.id);
        endpoints.push(endpoint);
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault;
        const detail = `endpoint ${index} is skipped: ${fault.message}`;
        problems.push({ code: fault.code, detail, entry: nameOf(entry, index) });
      }
    }
    return { endpoints, problems };
  }

  #readOnce(entry: unknown): Endpoint {
    if (typeof entry !== 'object' || entry === null) {
      throw new Fault('bad-entry', `expected an object, got ${kindOf(entry)}`);
    }
    const known = this.#read.get(entry);
    if (known !== undefined) return known;
    const endpoint = readEndpoint(entry);
    if (Object.isFrozen(entry)) this.#read.set(entry, endpoint);
    return endpoint;
  }
}

class Fault extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function nameOf(entry: unknown, index: number): string {
  const id = typeof entry === 'object' && entry !== null ? (entry as { id?: unknown }).id : undefined;
  return typeof id === 'string' ? printable(id) : `#${index}`;
}

function readEndpoint(entry: object): Endpoint {
  const raw = entry as Record<keyof Endpoint, unknown>;
  const endpoint: { -readonly [K in keyof Endpoint]: Endpoint[K] } = {
    id: text(raw.id, 'id'),
    host: readHost(raw.host),
    port: readPort(raw.port),
  };
  if (raw.protocol !== undefined)
    endpoint.protocol = oneOf(raw.protocol, 'protocol', ['http', 'https', 'h2c'] as const);
  if (raw.zone !== undefined) endpoint.zone = text(raw.zone, 'zone');
  if (raw.node !== undefined) endpoint.node = text(raw.node, 'node');
  if (raw.hints !== undefined) endpoint.hints = readHints(raw.hints);
  if (raw.weight !== undefined) endpoint.weight = count(raw.weight, 'weight', false);
  if (raw.priority !== undefined) endpoint.priority = count(raw.priority, 'priority', true);
  if (raw.state !== undefined) endpoint.state = oneOf(raw.state, 'state', ['ready', 'draining'] as const);
  if (raw.metadata !== undefined) endpoint.metadata = readMetadata(raw.metadata);
  return Object.freeze(endpoint);
}

function text(value: unknown, field: string, max = MAX_TEXT): string {
  if (typeof value !== 'string' || value === '') {
    throw new Fault(`bad-${field}`, `${field}: expected a non-empty string, got ${kindOf(value)}`);
  }
  if (value.length > max)
    throw new Fault(`bad-${field}`, `${field}: ${value.length} characters; at most ${max} are allowed`);
  if (hasControl(value)) throw new Fault(`bad-${field}`, `${field}: control characters are not allowed`);
  return value;
}

function oneOf<T extends string>(value: unknown, field: string, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new Fault(
    `bad-${field}`,
    `${field}: expected ${known.map((k) => `'${k}'`).join(' or ')}, got ${kindOf(value)}`,
  );
}

function count(value: unknown, field: string, whole: boolean): number {
  const max = 1_000_000;
  if (typeof value !== 'number' || !(value >= 0 && value <= max) || (whole && !Number.isInteger(value))) {
    throw new Fault(
      `bad-${field}`,
      `${field}: expected a ${whole ? 'whole ' : ''}number from 0 to ${max}, got ${kindOf(value)}`,
    );
  }
  return value;
}

function readPort(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new Fault('bad-port', `port: expected a whole number from 1 to 65535, got ${kindOf(value)}`);
  }
  return value;
}

function readHost(value: unknown): string {
  const host = text(value, 'host', 253).toLowerCase();
  const normal = host.includes(':') ? normalIPv6(host) : isAddress(host) ? normalIPv4(host) : host;
  if (normal === undefined || (normal === host && !isIPv4(host) && !isIPv6(host) && !HOST_NAME.test(host))) {
    throw new Fault('bad-host', `host: '${printable(host)}' is neither an IP address nor a DNS name`);
  }
  const denied = deniedAddress(normal);
  if (denied !== undefined)
    throw new Fault('denied-host', `host: ${normal} is ${denied}, which no service instance has`);
  return normal;
}

/** Brackets off, the shortest spelling, an IPv4-mapped address as IPv4; `undefined` when it is none. */
function normalIPv6(host: string): string | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (!isIPv6(bare) || bare.includes('%')) return undefined;
  const normal = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal);
  if (mapped === null) return normal;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** `127.1` and `0x7f000001` are addresses too: written out, so that no check is fooled. */
function normalIPv4(host: string): string | undefined {
  if (isIPv4(host)) return host;
  try {
    return new URL(`http://${host}`).hostname;
  } catch {
    return undefined;
  }
}

/** Addresses that lead back to the caller's own machine or cloud account instead of to an instance (SSRF). Loopback is allowed. */
function deniedAddress(host: string): string | undefined {
  if (isIPv4(host)) {
    const [a = 0, b = 0] = host.split('.').map(Number);
    if (a === 0) return 'unspecified';
    if (a === 169 && b === 254) return 'link-local (where cloud metadata lives)';
    if (a >= 224) return 'multicast or reserved';
    return undefined;
  }
  if (!isIPv6(host)) return undefined;
  if (host === '::') return 'unspecified';
  if (/^fe[89ab]/.test(host)) return 'link-local';
  if (host.startsWith('ff')) return 'multicast';
  if (host === 'fd00:ec2::254') return 'a cloud metadata address';
  return undefined;
}

function readHints(value: unknown): NonNullable<Endpoint['hints']> {
  if (typeof value !== 'object' || value === null)
    throw new Fault('bad-hints', `hints: expected an object, got ${kindOf(value)}`);
  const { zones, nodes } = value as { zones?: unknown; nodes?: unknown };
  return Object.freeze({
    ...(zones === undefined ? {} : { zones: readNames(zones, 'hints.zones') }),
    ...(nodes === undefined ? {} : { nodes: readNames(nodes, 'hints.nodes') }),
  });
}

function readNames(value: unknown, field: string): readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_METADATA_ENTRIES) {
    throw new Fault(
      'bad-hints',
      `${field}: expected a list of at most ${MAX_METADATA_ENTRIES} names, got ${kindOf(value)}`,
    );
  }
  return Object.freeze(value.map((name) => text(name, field)));
}

function readMetadata(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Fault('bad-metadata', `metadata: expected an object, got ${kindOf(value)}`);
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_METADATA_ENTRIES) {
    throw new Fault(
      'bad-metadata',
      `metadata: ${entries.length} entries; at most ${MAX_METADATA_ENTRIES} are allowed`,
    );
  }
  // No prototype: `metadata.constructor` is absent unless the registry says so, and `__proto__` is a key like any other.
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, entry] of entries) {
    if (key === '' || key.length > MAX_TEXT || hasControl(key))
      throw new Fault('bad-metadata', 'metadata: a key is empty, too long or has control characters');
    if (typeof entry !== 'string' || entry.length > MAX_METADATA_VALUE || hasControl(entry)) {
      throw new Fault(
        'bad-metadata',
        `metadata.${printable(key)}: expected a string of at most ${MAX_METADATA_VALUE} characters without control characters, got ${kindOf(entry)}`,
      );
    }
    metadata[key] = entry;
  }
  return Object.freeze(metadata);
}

/** Whether two endpoints say the same; both passed the gate. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a === b || (a.weight === b.weight && a.priority === b.priority && a.state === b.state && sameFacts(a, b))
  );
}

/** As `sameEndpoint`, leaving aside what only says how much traffic the instance gets. */
export function sameFacts(a: Endpoint, b: Endpoint): boolean {
  return (
    a.id === b.id &&
    a.host === b.host &&
    a.port === b.port &&
    a.protocol === b.protocol &&
    a.zone === b.zone &&
    a.node === b.node &&
    sameList(a.hints?.zones, b.hints?.zones) &&
    sameList(a.hints?.nodes, b.hints?.nodes) &&
    sameRecord(a.metadata, b.metadata)
  );
}

function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

function sameRecord(a: Endpoint['metadata'], b: Endpoint['metadata']): boolean {
  if (a === undefined || b === undefined) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
