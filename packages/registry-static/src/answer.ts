import { type Endpoint, type Feed, type ServiceRef, suggest } from '@crowfly/core';

/** What a registry knows of one service: its instances, or why there are none to give. */
export type Answer = { readonly endpoints: readonly Endpoint[] } | { readonly unknown: string };

/** Names in an error message; a registry may have thousands. */
const MAX_NAMES = 20;

/**
 * Looks a service up.
 *
 * @param where what to call the data in a message: `/etc/services.yaml`
 */
export function answer(
  services: ReadonlyMap<string, { readonly endpoints: readonly Endpoint[] }>,
  { key, port }: ServiceRef,
  where: string,
): Answer {
  const endpoints = services.get(key)?.endpoints;
  if (endpoints === undefined)
    return { unknown: `${where} has no service '${key}': ${hint(key, [...services.keys()])}` };
  if (port === undefined || endpoints.length === 0) return { endpoints };
  const there = endpoints.filter((endpoint) => endpoint.port === port);
  if (there.length > 0) return { endpoints: there };
  const ports = [...new Set(endpoints.map((endpoint) => endpoint.port))].sort((a, b) => a - b);
  return {
    unknown: `${where} has no instance of '${key}' on port ${port}, only on ${ports.slice(0, MAX_NAMES).join(', ')}: write http://${key}/`,
  };
}

/** Gives an answer to a feed. @returns whether it said something new compared to `last` */
export function tell(feed: Feed, next: Answer, last?: Answer): boolean {
  if (last !== undefined && sameAnswer(next, last)) return false;
  if ('unknown' in next) feed.unknown(next.unknown);
  else feed.publish(next.endpoints);
  return true;
}

/** Endpoints that did not change are the same objects: see catalog.ts. */
function sameAnswer(a: Answer, b: Answer): boolean {
  if ('unknown' in a || 'unknown' in b) return 'unknown' in a && 'unknown' in b && a.unknown === b.unknown;
  if (a.endpoints === b.endpoints) return true;
  return (
    a.endpoints.length === b.endpoints.length && a.endpoints.every((one, index) => one === b.endpoints[index])
  );
}

function hint(name: string, known: readonly string[]): string {
  const text = suggest(name, known);
  if (known.length <= MAX_NAMES || text.startsWith('did you mean')) return text;
  return `there are ${known.length}, among them ${known.slice(0, MAX_NAMES).join(', ')}`;
}

/** Stays until the feed ends: for registries whose data never changes. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
