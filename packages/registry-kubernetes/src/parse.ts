import { CrowflyError, type Endpoint, kindOf, type Problem, type Protocol, printable } from '@crowfly/core';
import type { Instance, Slice, SlicePort } from './slice.js';

/** What one object of a list or a watch is: which slices it holds now, by the name it is stored under. */
export interface Parsed {
  /** Name of the object in its namespace. */
  readonly name: string;
  readonly version: string | undefined;
  /** '' when the object says none. */
  readonly service: string;
  readonly slices: readonly Slice[];
}

/** So many problems of one object are told apart. */
const MAX_PROBLEMS = 20;
const SERVICE_LABEL = 'kubernetes.io/service-name';
const TRUNCATED = 'endpoints.kubernetes.io/over-capacity';

type Json = Readonly<Record<string, unknown>>;

/**
 * An EndpointSlice of discovery.k8s.io/v1, read with suspicion: what cannot be used costs its entry and a problem.
 *
 * @throws CrowflyError `bad-data` for what is no object of the API at all
 */
export function parseEndpointSlice(raw: unknown): Parsed {
  const { slice, metadata, name, version } = head(raw);
  const service = text(record(metadata.labels)[SERVICE_LABEL]) ?? '';
  const problems: Problem[] = [];
  const { addressType } = slice;
  const family = addressType === 'IPv6' ? 'IPv6' : 'IPv4';
  const listed = list(slice.endpoints, 'endpoints', name, problems);
  if (addressType !== 'IPv4' && addressType !== 'IPv6') {
    if (listed.length > 0)
      note(
        problems,
        'bad-address-type',
        name,
        `its addresses are of the type ${say(addressType)}, and not IPv4 or IPv6: they are skipped`,
      );
    return { name, version, service, slices: [{ ...emptySlice(name, service, family), problems }] };
  }
  const rawPorts = list(slice.ports, 'ports', name, problems);
  const ports = readPorts(rawPorts, name, problems);
  const namespace = text(metadata.namespace);
  const instances: Instance[] = [];
  for (let index = 0; index < listed.length; index++) {
    const instance = readInstance(listed[index], index, name, namespace, problems);
    if (instance !== undefined) instances.push(instance);
  }
  const portless = rawPorts.length === 0;
  return {
    name,
    version,
    service,
    slices: [{ name, service, family, ports, portless, instances, problems }],
  };
}

/**
 * An Endpoints object of v1: each subset as a slice.
 *
 * @throws CrowflyError `bad-data` for what is no object of the API at all
 */
export function parseEndpoints(raw: unknown): Parsed {
  const { slice, metadata, name, version } = head(raw);
  const problems: Problem[] = [];
  if (record(metadata.annotations)[TRUNCATED] === 'truncated')
    problems.push({
      code: 'truncated',
      detail: `the Endpoints object '${printable(name)}' was cut at 1,000 addresses by the cluster: the others are not seen; read EndpointSlices, which have no such limit`,
    });
  const namespace = text(metadata.namespace);
  const slices = list(slice.subsets, 'subsets', name, problems).flatMap((subset, index): Slice[] => {
    const found = record(subset);
    const rawPorts = list(found.ports, 'ports', name, problems);
    const ports = readPorts(rawPorts, name, problems);
    const instances = list(found.addresses, 'addresses', name, problems).flatMap((address, at) => {
      const { ip, nodeName, targetRef } = record(address);
      const asSlice = { addresses: [ip], nodeName, targetRef };
      return readInstance(asSlice, at, name, namespace, problems) ?? [];
    });
    const portless = rawPorts.length === 0;
    const of = (family: Slice['family']): Slice => ({
      ...emptySlice(`${name}#${index}/${family}`, name, family),
      ports,
      portless,
      instances: instances.filter(({ host }) => host.includes(':') === (family === 'IPv6')),
    });
    return [of('IPv4'), of('IPv6')].filter((one) => one.instances.length > 0);
  });
  // What is known of the whole stands in a slice of its own: an Endpoints object without subsets is a known, empty service.
  return {
    name,
    version,
    service: name,
    slices: [{ ...emptySlice(name, name, 'IPv4'), problems }, ...slices],
  };
}

function emptySlice(name: string, service: string, family: Slice['family']): Slice {
  return { name, service, family, ports: [], portless: false, instances: [], problems: [] };
}

function head(raw: unknown): { slice: Json; metadata: Json; name: string; version: string | undefined } {
  const slice = record(raw);
  const metadata = record(slice.metadata);
  const name = text(metadata.name);
  if (name === undefined)
    throw new CrowflyError('bad-data', `expected an object with metadata.name, got ${kindOf(raw)}`);
  return { slice, metadata, name, version: text(metadata.resourceVersion) };
}

function readPorts(raw: readonly unknown[], slice: string, problems: Problem[]): readonly SlicePort[] {
  const ports: SlicePort[] = [];
  for (const entry of raw) {
    const { name, port, protocol, appProtocol } = record(entry);
    // HTTP goes over TCP; a service may have other ports besides.
    if (protocol !== undefined && protocol !== null && protocol !== 'TCP') continue;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
      note(
        problems,
        'bad-port',
        slice,
        `its port '${printable(text(name) ?? '')}' is ${say(port)}: expected a whole number from 1 to 65535`,
      );
      continue;
    }
    ports.push({ name: text(name) ?? '', port, protocol: protocolOf(appProtocol) });
  }
  return ports;
}

/** https and h2c change how an instance is spoken to; what else there is runs over plain HTTP or says nothing. */
function protocolOf(appProtocol: unknown): Protocol | undefined {
  if (typeof appProtocol !== 'string') return undefined;
  switch (appProtocol.toLowerCase()) {
    case 'https':
    case 'wss':
    case 'kubernetes.io/wss':
      return 'https';
    case 'kubernetes.io/h2c':
    case 'h2c':
      return 'h2c';
    case 'http':
    case 'ws':
    case 'kubernetes.io/ws':
      return 'http';
    default:
      return undefined;
  }
}

/** `undefined` for one that is not to be called, with a problem when it cannot be read. */
function readInstance(
  raw: unknown,
  index: number,
  slice: string,
  namespace: string | undefined,
  problems: Problem[],
): Instance | undefined {
  const entry = record(raw);
  const state = stateOf(record(entry.conditions));
  if (state === undefined) return undefined;
  const addresses = entry.addresses;
  const host: unknown = Array.isArray(addresses) ? addresses[0] : undefined;
  if (typeof host !== 'string' || host === '') {
    note(problems, 'bad-address', slice, `its endpoint ${index} has no address`, `${slice}[${index}]`);
    return undefined;
  }
  const target = record(entry.targetRef);
  // What is no pod may have many addresses: its uid would make them one instance.
  const isPod = target.kind === 'Pod' || target.kind === undefined;
  const pod = isPod ? text(target.name) : undefined;
  const node = text(entry.nodeName);
  return {
    id: (isPod ? text(target.uid) : undefined) ?? host,
    host,
    state,
    zone: text(entry.zone),
    node,
    hints: hintsOf(record(entry.hints)),
    metadata: metadataOf(pod, namespace, node),
  };
}

function metadataOf(
  pod: string | undefined,
  namespace: string | undefined,
  node: string | undefined,
): Instance['metadata'] {
  const metadata: Record<string, string> = {};
  if (pod !== undefined) metadata.pod = pod;
  if (namespace !== undefined) metadata.namespace = namespace;
  if (node !== undefined) metadata.node = node;
  return Object.freeze(metadata);
}

/**
 * Absent conditions mean ready, serving, and not terminating. One that terminates and still serves drains, also when
 * publishNotReadyAddresses calls everything ready.
 */
function stateOf({ ready, serving, terminating }: Json): Instance['state'] | undefined {
  if (terminating === true) return (serving ?? ready) === false ? undefined : 'draining';
  return ready === false ? undefined : 'ready';
}

function hintsOf({ forZones, forNodes }: Json): Endpoint['hints'] {
  const zones = namesIn(forZones);
  const nodes = namesIn(forNodes);
  if (zones === undefined && nodes === undefined) return undefined;
  return Object.freeze({
    ...(zones === undefined ? {} : { zones }),
    ...(nodes === undefined ? {} : { nodes }),
  });
}

function namesIn(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const names = value.map((entry) => text(record(entry).name)).filter((name) => name !== undefined);
  return names.length === 0 ? undefined : Object.freeze(names);
}

function list(value: unknown, field: string, slice: string, problems: Problem[]): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  note(problems, 'bad-field', slice, `its ${field} are ${say(value)}: expected a list`);
  return [];
}

function note(problems: Problem[], code: string, slice: string, what: string, entry = slice): void {
  if (problems.length >= MAX_PROBLEMS) return;
  problems.push({ code, detail: `'${printable(slice)}': ${what}`, entry: printable(entry) });
}

const NONE: Json = Object.freeze(Object.create(null) as Json);

function record(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : NONE;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function say(value: unknown): string {
  return typeof value === 'string' ? `'${printable(value, 40)}'` : kindOf(value);
}
