import type { Endpoint, RegistryFactory } from '@crowfly/core';
import { answer, tell, untilAborted } from '../answer.js';
import { STATIC_CAPABILITIES } from '../capabilities.js';
import { locateByName } from '../locate.js';
import { parseInline } from './parse.js';

/** An instance: `10.0.0.1:8080`, `http://10.0.0.1:8080`, or its fields. `id` defaults to `host:port`. */
export type InlineEntry = string | (Omit<Endpoint, 'id'> & { readonly id?: string });

/** The instances of a service; as an object, with fields that hold for all entries that do not say otherwise. */
export type InlineService =
  | readonly InlineEntry[]
  | (Partial<Omit<Endpoint, 'id' | 'host'>> & {
      readonly endpoints: readonly (string | (Partial<Endpoint> & Pick<Endpoint, 'host'>))[];
    });

/**
 * A registry of services written down in code. It claims single-label names and the names in the list.
 *
 * @param services instances by service name; an empty list is a service that is known to have none
 * @throws CrowflyError `bad-option` with the path of what is wrong: `inline.orders[1].port`
 */
export function inline(services: Readonly<Record<string, InlineService>>): RegistryFactory {
  const known = parseInline(services);
  return () => ({
    kind: 'inline',
    id: 'inline',
    supports: STATIC_CAPABILITIES,
    locate: (target) => locateByName(target, (name) => known.has(name)),
    watch(service, feed) {
      if (!feed.signal.aborted) tell(feed, answer(known, service, 'the inline list'));
      return untilAborted(feed.signal);
    },
  });
}
