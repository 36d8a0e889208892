import type { Endpoint, Route } from '@crowfly/core';

/**
 * The name that the instance has to prove by its certificate; `undefined`: the connection is a plain one. An https
 * instance upgrades an http URL; never the other way.
 */
export function tlsIdentity(route: Route, endpoint: Endpoint): string | undefined {
  return route.scheme === 'https' || endpoint.protocol === 'https' ? route.hostname : undefined;
}
