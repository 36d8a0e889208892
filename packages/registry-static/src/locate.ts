import { nameFault, type ServiceRef, type Target } from '@crowfly/core';

/**
 * Which service a name or URL means, for registries that tell services apart by name and instances by port number.
 * Single-label names are theirs; dotted ones are when `dotted` says so, since most dotted hosts are no services.
 * `orders:8081`, as a URL or as a configured name, means the instances on that port.
 */
export function locateByName(target: Target, dotted: (name: string) => boolean): ServiceRef | undefined {
  const { host, port } = typeof target === 'string' ? splitPort(target) : target;
  if (host === 'localhost' || nameFault(host) !== undefined) return undefined;
  if (host.includes('.') && !dotted(host)) return undefined;
  return port === undefined ? { key: host } : { key: host, port };
}

function splitPort(name: string): { host: string; port?: number } {
  const match = /^([^:]*):([1-9][0-9]{0,4})$/.exec(name);
  const port = Number(match?.[2]);
  return match?.[1] !== undefined && port <= 65_535 ? { host: match[1], port } : { host: name };
}
