import { CrowflyError, printable, type ServiceRef, type Target } from '@crowfly/core';

/** Which names are services of this cluster. */
export interface Naming {
  /** Of names that say none. */
  readonly namespace: string;
  /** Those that a URL may name in the short form, besides its own. */
  readonly namespaces: readonly string[];
  readonly clusterDomain: string;
}

/** A service as the API server knows it. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** IANA service names, as the API server allows them for ports: at most 15 characters, one of them a letter. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;
const PORT_NUMBER = /^[1-9][0-9]{0,4}$/;
/** Longer than any name of a service: not looked at. */
const MAX_NAME = 500;

/** A DNS label of RFC 1123: what namespaces and services are called. */
export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/**
 * The canonical reference, `service.namespace` and the port that was asked for, of every spelling that works through the
 * cluster's DNS; `undefined` for names that are not the cluster's, such as `www.example.com`, or a single pod's.
 *
 * `orders.shop` in a URL could be a host of the Internet as well: it is a service when `shop` is a namespace that the
 * options name (or the caller's own). As a configured name it always is.
 *
 * A URL without a port means port 80 of the service, and with https 443; port 80 is no port in the reference.
 *
 * @throws CrowflyError `bad-name` for a name that asks for two ports at once
 */
export function locate(target: Target, naming: Naming): ServiceRef | undefined {
  const text = typeof target === 'string';
  const full = text ? target : target.host;
  if (full.length > MAX_NAME) return undefined;
  const { host, port } = text ? splitPort(full) : { host: full, port: portOf(target) };
  const parts = split(host, naming);
  if (parts === undefined) return undefined;
  const { labels, inCluster } = parts;
  const portName = labels[0]?.startsWith('_') ? srvPort(labels) : undefined;
  const [name, namespace = naming.namespace, ...more] = portName === undefined ? labels : labels.slice(2);
  if (portName === false || name === undefined || more.length > 0 || !isLabel(name) || !isLabel(namespace))
    return undefined;
  const short = labels.length === 2 && !inCluster;
  const meant = text || target.configured === true;
  if (short && !meant && namespace !== naming.namespace && !naming.namespaces.includes(namespace))
    return undefined;
  const key = `${name}.${namespace}`;
  const named = text || target.port !== undefined ? port : undefined;
  if (portName !== undefined && named !== undefined) {
    throw new CrowflyError(
      'bad-name',
      `'${printable(full)}' with port ${named} names the port twice: leave one of them out`,
      { service: key },
    );
  }
  const chosen = portName ?? port;
  return chosen === undefined || chosen === 80 ? { key } : { key, port: chosen };
}

/** The service of a key that `locate` gave. */
export function serviceOf({ key }: ServiceRef): ServiceName {
  const dot = key.indexOf('.');
  return { name: key.slice(0, dot), namespace: key.slice(dot + 1) };
}

function portOf(target: Exclude<Target, string>): number | undefined {
  return target.port ?? (target.scheme === 'https' ? 443 : undefined);
}

/** `orders.shop:8080`, `orders:http`. */
function splitPort(text: string): { host: string; port: number | string | undefined } {
  const colon = text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? undefined : text.slice(colon + 1);
  if (port === undefined) return { host, port };
  if (PORT_NUMBER.test(port) && Number(port) <= 65_535) return { host, port: Number(port) };
  // What is no port makes the whole no name of ours.
  return PORT_NAME.test(port) ? { host, port } : { host: '', port: undefined };
}

/** The labels before `.svc`, or before the cluster's domain. */
function split(
  host: string,
  { clusterDomain }: Naming,
): { labels: readonly string[]; inCluster: boolean } | undefined {
  const absolute = host.endsWith('.');
  let name = absolute ? host.slice(0, -1) : host;
  const inDomain = name.endsWith(`.svc.${clusterDomain}`);
  if (inDomain) name = name.slice(0, -clusterDomain.length - 1);
  // With a dot at its end, only the whole name is one: 'orders.' is a host at the top of the Internet.
  else if (absolute) return undefined;
  const labels = name.split('.');
  const inCluster = labels.length > 2 && labels.at(-1) === 'svc';
  if (inCluster) labels.pop();
  // A namespace may be called svc, and 'orders.svc' is its service; but before the domain there must be both.
  return inDomain && !inCluster ? undefined : { labels, inCluster };
}

/** `_http._tcp`: the port's name, `false` when it is none, or not of TCP. */
function srvPort([name = '', protocol]: readonly string[]): string | false {
  const port = name.slice(1);
  return protocol === '_tcp' && PORT_NAME.test(port) ? port : false;
}
