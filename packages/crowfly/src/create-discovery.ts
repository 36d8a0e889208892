import { createFetch } from '@crowfly/client-fetch';
import { createEngine, type Engine, type EngineOptions } from '@crowfly/core';
import { defaultStrategy } from '@crowfly/strategies';

/** Everything a service needs to find and call others: the engine, and fetch over it. */
export interface Discovery<Name extends string = string> extends Engine<Name> {
  /** As the built-in fetch; a URL that names a service goes straight to its best live instance. */
  readonly fetch: ReturnType<typeof createFetch>;
}

/** All options are optional; see docs/options.md for each with its default. */
export type DiscoveryOptions<Name extends string = string> = EngineOptions<Name>;

/**
 * Opens a discovery: one per process is usual, several do not disturb each other.
 *
 * @example
 * ```ts
 * const discovery = createDiscovery({ registry: file('services.yaml') });
 * const response = await discovery.fetch('http://orders/v1/42');
 * await discovery.close();
 * ```
 * @throws CrowflyError `bad-option` with the path of what is wrong
 */
export function createDiscovery<Name extends string = string>(
  options: DiscoveryOptions<Name> = {},
): Discovery<Name> {
  const engine = createEngine<Name>(defaultStrategy(), options);
  return Object.assign(engine, { fetch: createFetch(engine) });
}
