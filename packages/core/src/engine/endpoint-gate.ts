import type { Endpoint } from '../contract/endpoint.js';
import type { Problem } from '../contract/registry.js';
import { CrowflyError } from '../errors.js';
import { kindOf } from '../options.js';
import { hasControl, printable } from '../text.js';
import { deniedHost, normalHost } from './host.js';

/** So many skipped entries of one set are told apart; the rest is a number. */
const MAX_PROBLEMS = 100;
const MAX_TEXT = 512;
const MAX_METADATA_ENTRIES = 256;
const MAX_METADATA_VALUE = 4096;

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
  /** The last set by id: an entry that still says the same is not read again, and stays the same object. */
  #last: ReadonlyMap<string, Endpoint> = new Map();

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
    let skipped = 0;
    const byId = new Map<string, Endpoint>();
    for (let index = 0; index < raw.length; index++) {
      const entry: unknown = raw[index];
      try {
        const endpoint = this.#read(entry);
        if (byId.has(endpoint.id))
          throw new Fault('duplicate-id', `id '${printable(endpoint.id)}' stands there twice`);
        byId.set(endpoint.id, endpoint);
        endpoints.push(endpoint);
      } catch (error) {
        const fault = error instanceof Fault ? error : new Fault('bad-entry', 'it cannot be read');
        const detail = `endpoint ${index} is skipped: ${fault.message}`;
        skipped++;
        if (problems.length < MAX_PROBLEMS)
          problems.push({ code: fault.code, detail, entry: nameOf(entry, index) });
      }
    }
    this.#last = byId;
    if (skipped > problems.length) {
      problems.push({
        code: 'more-problems',
        detail: `${skipped - problems.length} more endpoints are skipped`,
      });
    }
    return { endpoints, problems };
  }

  #read(entry: unknown): Endpoint {
    if (typeof entry !== 'object' || entry === null) {
      throw new Fault('bad-entry', `expected an object, got ${kindOf(entry)}`);
    }
    const known = this.#last.get((entry as Endpoint).id);
    return known !== undefined && sameEndpoint(known, entry as Endpoint) ? known : readEndpoint(entry);
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
  try {
    const { id } = entry as { id?: unknown };
    if (typeof id === 'string') return printable(id);
  } catch {
    // what cannot be read has no name
  }
  return `#${index}`;
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
  const normal = normalHost(host);
  if (normal === undefined)
    throw new Fault('bad-host', `host: '${printable(host)}' is neither an IP address nor a DNS name`);
  const denied = deniedHost(normal);
  if (denied !== undefined)
    throw new Fault('denied-host', `host: ${normal} is ${denied}, which no service instance has`);
  return normal;
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
  const keys = Object.keys(value);
  if (keys.length > MAX_METADATA_ENTRIES) {
    throw new Fault(
      'bad-metadata',
      `metadata: ${keys.length} entries; at most ${MAX_METADATA_ENTRIES} are allowed`,
    );
  }
  // No prototype: `metadata.constructor` is absent unless the registry says so, and `__proto__` is a key like any other.
  const metadata: Record<string, string> = Object.create(null);
  for (const key of keys) {
    const entry = (value as Record<string, unknown>)[key];
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

/** Whether two endpoints say the same. `a` passed the gate; what says the same would pass it too. */
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
    (a.hints === undefined) === (b.hints === undefined) &&
    sameList(a.hints?.zones, b.hints?.zones) &&
    sameList(a.hints?.nodes, b.hints?.nodes) &&
    sameRecord(a.metadata, b.metadata)
  );
}

function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === b) return true;
  return a?.length === b?.length && Array.isArray(b) && a?.every((name, index) => name === b[index]) === true;
}

function sameRecord(a: Endpoint['metadata'], b: Endpoint['metadata']): boolean {
  if (a === b) return true;
  if (a === undefined || typeof b !== 'object' || b === null) return false;
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length && keys.every((key) => a[key] === b[key]);
}
