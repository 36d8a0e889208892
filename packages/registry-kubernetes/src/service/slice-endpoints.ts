import { type Endpoint, sameEndpoint } from '@crowfly/core';
import type { Instance, Slice } from '../slice.js';
import type { Usable } from './ports.js';

/**
 * The endpoints of one slice on the chosen port.
 *
 * @param known what the slice held before, by id: an endpoint that still says the same stays the same object, so that
 *   nobody has to look at it again
 */
export function sliceEndpoints(
  slice: Slice,
  choice: Usable,
  known: readonly Endpoint[],
): readonly Endpoint[] {
  const port =
    choice.kind === 'named'
      ? slice.ports.find(({ name }) => name === choice.name)
      : slice.portless
        ? { port: choice.port, protocol: undefined }
        : undefined;
  if (port === undefined) return [];
  const before = new Map(known.map((endpoint) => [endpoint.id, endpoint]));
  return slice.instances.map((instance) => {
    const endpoint = make(instance, port.port, port.protocol);
    const same = before.get(endpoint.id);
    return same !== undefined && sameEndpoint(same, endpoint) ? same : endpoint;
  });
}

/** Field by field: what spreads allocate besides is a good part of a large first set. */
function make(instance: Instance, port: number, protocol: Endpoint['protocol']): Endpoint {
  const { id, host, state, zone, node, hints, metadata } = instance;
  const endpoint: { -readonly [K in keyof Endpoint]: Endpoint[K] } = {
    id: id === host ? addressOf(host, port) : `${id}:${port}`,
    host,
    port,
    state,
    metadata,
  };
  if (metadata.pod !== undefined) endpoint.name = metadata.pod;
  if (protocol !== undefined) endpoint.protocol = protocol;
  if (zone !== undefined) endpoint.zone = zone;
  if (node !== undefined) endpoint.node = node;
  if (hints !== undefined) endpoint.hints = hints;
  return Object.freeze(endpoint);
}

/** `10.0.0.1:8080`, `[fd00::1]:8080`. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether two lists say the same, in the same order. */
export function sameEndpoints(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  return a === b || (a.length === b.length && a.every((one, at) => sameEndpoint(one, b[at] as Endpoint)));
}
