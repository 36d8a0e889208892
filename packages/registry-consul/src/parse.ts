import { CrowflyError, type Endpoint, kindOf, type Problem, printable } from '@crowfly/core';

/** What an instance's entry is read by. */
export interface Reading {
  readonly warnings: boolean;
  readonly taggedAddress: string | undefined;
  readonly zoneKey: string;
  /** In lower case. */
  readonly tags: readonly string[];
}

/** One entry of a health answer. */
export interface Parsed {
  /** `undefined`: not to be called. */
  readonly endpoint?: Endpoint;
  /** Known, and kept out by a check or by maintenance. */
  readonly unhealthy?: true;
  readonly problem?: Problem;
}

/** How our own registrar says that an instance leaves, as the reason of its maintenance. */
export const DRAINING = 'crowfly: draining';

type Json = Readonly<Record<string, unknown>>;

/**
 * One entry of `/v1/health/service/:name`, read with suspicion.
 *
 * @param index of the entry, for messages
 * @throws CrowflyError `bad-data` for what is no entry at all
 */
export function parseEntry(raw: unknown, index: number, reading: Reading): Parsed {
  const node = record(record(raw).Node);
  const service = record(record(raw).Service);
  const id = text(service.ID);
  if (id === undefined) {
    if (Object.keys(service).length === 0)
      throw new CrowflyError('bad-data', `expected entries with Node and Service, got ${kindOf(raw)}`);
    return skipped('bad-id', `entry ${index}`, `has no Service.ID (${say(service.ID)})`);
  }
  const tags = list(service.Tags).filter((tag) => typeof tag === 'string');
  if (!reading.tags.every((wanted) => tags.some((tag) => tag.toLowerCase() === wanted))) return {};
  const standing = standingOf(list(record(raw).Checks), reading.warnings);
  if (standing === undefined) return { unhealthy: true };
  const { host, port } = addressOf(node, service, reading.taggedAddress);
  if (host === undefined) return skipped('bad-address', id, 'has no address, and neither has its node');
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    return skipped(
      'bad-port',
      id,
      `has the port ${say(port)}: an instance that can be called is registered with one from 1 to 65535`,
    );
  const nodeName = text(node.Node);
  const meta = record(service.Meta);
  const endpoint: { -readonly [K in keyof Endpoint]: Endpoint[K] } = {
    // An ID is unique on its node only.
    id: `${nodeName ?? text(node.ID) ?? ''}/${id}`,
    name: id,
    host,
    port,
    state: standing.draining ? 'draining' : 'ready',
    metadata: metadataOf(meta, tags),
  };
  const weight = record(service.Weights)[standing.warning ? 'Warning' : 'Passing'];
  // A weight of 1 is what everyone has who says nothing.
  if (typeof weight === 'number' && weight >= 0 && weight !== 1) endpoint.weight = weight;
  const zone = zoneOf(node, service, reading.zoneKey);
  if (zone !== undefined) endpoint.zone = zone;
  if (nodeName !== undefined) endpoint.node = nodeName;
  const protocol = text(meta.protocol);
  if (protocol === 'http' || protocol === 'https' || protocol === 'h2c') endpoint.protocol = protocol;
  return { endpoint: Object.freeze(endpoint) };
}

/** The service's own address where it has one, else its node's. */
function addressOf(
  node: Json,
  service: Json,
  tagged: string | undefined,
): { host: string | undefined; port: unknown } {
  const own = text(service.Address);
  const plain = { host: own ?? text(node.Address), port: service.Port };
  if (tagged === undefined) return plain;
  const { Address, Port } = record(record(service.TaggedAddresses)[tagged]);
  if (text(Address) !== undefined) return { host: text(Address), port: Port === 0 ? service.Port : Port };
  // A service with an address of its own is not at its node's.
  const ofNode = own === undefined ? text(record(node.TaggedAddresses)[tagged]) : undefined;
  return ofNode === undefined ? plain : { host: ofNode, port: service.Port };
}

/** By the worst check; `undefined`: out of rotation. */
function standingOf(
  checks: readonly unknown[],
  warnings: boolean,
): { warning: boolean; draining: boolean } | undefined {
  let warning = false;
  let draining = false;
  for (const check of checks) {
    const { Status, CheckID, Notes } = record(check);
    if (Status === 'passing') continue;
    const leaves =
      Notes === DRAINING && typeof CheckID === 'string' && CheckID.startsWith('_service_maintenance:');
    if (leaves) draining = true;
    else if (Status === 'warning' && warnings) warning = true;
    else return undefined;
  }
  return { warning, draining };
}

function zoneOf(node: Json, service: Json, key: string): string | undefined {
  return (
    text(record(service.Meta)[key]) ??
    text(record(service.Locality).Zone) ??
    text(record(node.Meta)[key]) ??
    text(record(node.Locality).Zone)
  );
}

/** The instance's own, and its tags under `tags` where nothing else stands there. */
function metadataOf(meta: Json, tags: readonly string[]): Readonly<Record<string, string>> {
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const key of Object.keys(meta)) {
    const value = meta[key];
    if (typeof value === 'string') metadata[key] = value;
  }
  if (tags.length > 0 && metadata.tags === undefined) metadata.tags = tags.join(',');
  return Object.freeze(metadata);
}

function skipped(code: string, id: string, what: string): Parsed {
  const entry = printable(id);
  return { problem: { code, detail: `'${entry}' ${what}: it is skipped`, entry } };
}

const NONE: Json = Object.freeze(Object.create(null) as Json);

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : NONE;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function say(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? `'${printable(value, 40)}'` : kindOf(value);
}
