import { CrowflyError, printable, type ServiceRef, type Target } from '@crowfly/core';

/** Which names are services of this Consul. */
export interface Naming {
  /** Of its DNS: `consul`. */
  readonly domain: string;
}

/** A service as Consul is asked for it. */
export interface ServiceName {
  readonly name: string;
  /** Only instances that have it. */
  readonly tag: string | undefined;
  readonly datacenter: string | undefined;
}

/** Longer than any name of a service: not looked at. */
const MAX_NAME = 500;
/** What DNS can say of a service or a tag, and the underscore, which many names have. */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** A service's name that URLs and DNS can say. */
export function isServiceName(text: string): boolean {
  return LABEL.test(text);
}

/** Tags are free text in Consul. */
export function isTag(text: string): boolean {
  return text.length > 0 && text.length <= 255 && /^[\x21-\x7e]+$/.test(text);
}

/**
 * The canonical reference of every spelling: `orders`, `v2.orders` with a tag, `orders@dc2`; from URLs and names such as
 * `orders`, `orders.service.consul`, `v2.orders.service.dc2.consul`, `_orders._v2.service.consul`. In lower case: Consul
 * finds services without regard to it. `undefined` for names that are not Consul's, or no service's.
 *
 * The port of a URL is not looked at: each instance has one, and says which.
 *
 * @throws CrowflyError `bad-name` for names below Consul's domain that can be no service, or one that cannot be called
 */
export function locate(target: Target, { domain }: Naming): ServiceRef | undefined {
  const text = typeof target === 'string';
  const given = text ? target : target.host;
  if (given.length > MAX_NAME) return undefined;
  const host = given.toLowerCase().replace(/\.$/, '');
  if (host === domain || host.endsWith(`.${domain}`)) return inDomain(host, domain);
  // Only the whole name may have a dot at its end: 'orders.' is a host at the top of the Internet.
  if (given.endsWith('.')) return undefined;
  const [name = '', datacenter, ...more] = host.split('@');
  if (more.length > 0 || (datacenter !== undefined && !LABEL.test(datacenter))) return undefined;
  const labels = name.split('.');
  if (!labels.every(isServiceName)) return undefined;
  // `v2.orders` in a URL could be a host of the Internet.
  const configured = text || target.configured === true;
  if (labels.length > (configured ? 2 : 1)) return undefined;
  const [first = '', second] = labels;
  return second === undefined ? ref(first, undefined, datacenter) : ref(second, first, datacenter);
}

/** What a reference says: the inverse of `locate`. */
export function serviceOf({ key }: ServiceRef): ServiceName {
  const [full = '', datacenter] = key.split('@');
  const dot = full.indexOf('.');
  return {
    name: full.slice(dot + 1),
    tag: dot < 0 ? undefined : full.slice(0, dot),
    datacenter,
  };
}

function ref(name: string, tag: string | undefined, datacenter: string | undefined): ServiceRef {
  return {
    key: `${tag === undefined ? '' : `${tag}.`}${name}${datacenter === undefined ? '' : `@${datacenter}`}`,
  };
}

const ELSEWHERE: Readonly<Record<string, string>> = {
  query:
    'prepared queries cannot be waited for: name the service itself, and set tags, near or filter in consul()',
  connect: 'the service mesh has its own certificates: call the service by its plain name',
  ingress: 'an ingress gateway is a service like others: call it by the name that it is registered under',
  virtual: 'a virtual address leads into the service mesh: call the service by its plain name',
};

/** `[tag.]name.service[.datacenter].consul`, and RFC 2782. */
function inDomain(host: string, domain: string): ServiceRef | undefined {
  const labels = host === domain ? [] : host.slice(0, -domain.length - 1).split('.');
  const at = labels.lastIndexOf('service');
  if (at <= 0) return noService(host, labels);
  const datacenter = datacenterOf(labels.slice(at + 1), host);
  const names = labels.slice(0, at);
  if (!names.every(isServiceName)) throw badName(host, "its labels have a-z, 0-9, '-' and '_'");
  const [first = '', second] = names;
  if (names.length === 1) return ref(first, undefined, datacenter);
  if (names.length > 2 || second === undefined)
    throw badName(host, 'expected [tag.]name.service: a name and at most one tag');
  if (!first.startsWith('_') || !second.startsWith('_')) return ref(second, first, datacenter);
  const [name, tag] = [first.slice(1), second.slice(1)];
  if (!isServiceName(name) || !isServiceName(tag)) throw badName(host, 'expected _name._tag.service');
  return ref(name, tag === 'tcp' ? undefined : tag, datacenter);
}

/** `dc2`, and `dc2.dc` as newer versions write it. */
function datacenterOf(labels: readonly string[], host: string): string | undefined {
  const [datacenter, kind, ...more] = labels;
  if (datacenter === undefined) return undefined;
  const plain = kind === undefined || kind === 'dc';
  if (plain && more.length === 0 && isServiceName(datacenter)) return datacenter;
  throw badName(
    host,
    'behind .service stands a datacenter at most: namespaces and partitions are options of consul(), and a row of `services` may have a registry of its own',
  );
}

function noService(host: string, labels: readonly string[]): undefined {
  const kind = labels.find((label) => Object.hasOwn(ELSEWHERE, label));
  if (kind !== undefined) throw badName(host, ELSEWHERE[kind] as string);
  // Nodes and addresses: hosts that DNS knows.
  return undefined;
}

function badName(host: string, why: string): CrowflyError {
  return new CrowflyError(
    'bad-name',
    `'${printable(host)}' is no service of Consul that can be called: ${why}`,
  );
}
