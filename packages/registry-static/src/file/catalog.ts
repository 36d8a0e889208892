import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, Problem } from '@crowfly/core';

export interface CatalogService {
  readonly endpoints: readonly Endpoint[];
  readonly problems: readonly Problem[];
}

/** What one reading of a file says. */
export interface Catalog {
  readonly services: ReadonlyMap<string, CatalogService>;
  /** What concerns no single service. */
  readonly problems: readonly Problem[];
}

/** Services and instances in all. */
export function sizeOf({ services }: Catalog): number {
  let size = services.size;
  for (const { endpoints } of services.values()) size += endpoints.length;
  return size;
}

/**
 * `next` with everything that did not change taken from `previous`: what is equal is then the same object, and whoever
 * asks whether something changed compares references.
 */
export function keepUnchanged(previous: Catalog | undefined, next: Catalog): Catalog {
  if (previous === undefined) return next;
  const services = new Map<string, CatalogService>();
  for (const [name, service] of next.services) {
    const before = previous.services.get(name)?.endpoints;
    services.set(
      name,
      before === undefined ? service : { ...service, endpoints: keepEndpoints(before, service.endpoints) },
    );
  }
  return { services, problems: next.problems };
}

function keepEndpoints(before: readonly Endpoint[], after: readonly Endpoint[]): readonly Endpoint[] {
  const known = new Map(before.map((endpoint) => [endpoint.id, endpoint]));
  const kept = after.map((endpoint) => {
    const old = known.get(endpoint.id);
    return old !== undefined && isDeepStrictEqual(old, endpoint) ? old : endpoint;
  });
  const same = kept.length === before.length && kept.every((endpoint, index) => endpoint === before[index]);
  return same ? before : Object.freeze(kept);
}
