import type { Endpoint } from '../contract/endpoint.js';
import { kindOf } from '../options.js';
import { hasControl, printable } from '../text.js';
import { deniedHost, isOrdinaryHost, normalHost } from './host.js';
import { sameRecord } from './same-endpoint.js';

const MAX_TEXT = 512;
const MAX_METADATA_ENTRIES = 256;
const MAX_METADATA_VALUE = 4096;

/** What is wrong with one entry of a set. */
export class Fault extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * One entry of a registry's set as a frozen endpoint: known fields only, each checked.
 *
 * @param like the one before it: metadata that say the same are shared, as those of large sets often do
 * @throws Fault saying which field is wrong, and what is expected
 */
export function readEndpoint(entry: object, like?: Endpoint): Endpoint {
  const raw = entry as Record<keyof Endpoint, unknown>;
  const endpoint = new Draft();
  endpoint.id = text(raw.id, 'id');
  endpoint.host = readHost(raw.host);
  endpoint.port = readPort(raw.port);
  if (raw.name !== undefined) endpoint.name = text(raw.name, 'name');
  if (raw.protocol !== undefined)
    endpoint.protocol = oneOf(raw.protocol, 'protocol', ['http', 'https', 'h2c'] as const);
  if (raw.zone !== undefined) endpoint.zone = text(raw.zone, 'zone');
  if (raw.node !== undefined) endpoint.node = text(raw.node, 'node');
  if (raw.hints !== undefined) endpoint.hints = readHints(raw.hints);
  if (raw.weight !== undefined) endpoint.weight = count(raw.weight, 'weight', false);
  if (raw.priority !== undefined) endpoint.priority = count(raw.priority, 'priority', true);
  if (raw.state !== undefined) endpoint.state = oneOf(raw.state, 'state', ['ready', 'draining'] as const);
  if (raw.metadata !== undefined) endpoint.metadata = readMetadata(raw.metadata, like?.metadata);
  return Object.freeze(endpoint);
}

/** A plain object; but V8 learns from a constructor how many fields its objects get, and keeps them in one piece. */
const Draft = function Draft() {} as unknown as new () => { -readonly [K in keyof Endpoint]: Endpoint[K] };
Draft.prototype = Object.prototype;

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
  if (typeof value === 'string' && isOrdinaryHost(value)) return value;
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

/**
 * As good as an object without a prototype, at half the cost: `metadata.constructor` is absent unless the registry says
 * so, and `__proto__` is a key like any other.
 */
const Metadata = function Metadata() {} as unknown as new () => Record<string, string>;
Metadata.prototype = Object.freeze(Object.create(null));

function readMetadata(value: unknown, like: Endpoint['metadata']): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Fault('bad-metadata', `metadata: expected an object, got ${kindOf(value)}`);
  }
  if (like !== undefined && sameRecord(like, value as Endpoint['metadata'])) return like;
  const metadata = new Metadata();
  let entries = 0;
  // Not Object.keys: its lists are a third of the cost of a first set.
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    if (++entries > MAX_METADATA_ENTRIES)
      throw new Fault('bad-metadata', `metadata: more than ${MAX_METADATA_ENTRIES} entries`);
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
