import type { Endpoint } from '../contract/endpoint.js';
import type { Registry } from '../contract/registry.js';
import { CrowflyError } from '../errors.js';

/**
 * Instances written down as origins: `http://localhost:3001`.
 *
 * @param path where they stand, for messages: `services.orders.url`, `CROWFLY_ORDERS`
 * @throws CrowflyError `bad-option` when one is no http(s) origin
 */
export function readOrigins(origins: string | readonly string[], path: string): readonly Endpoint[] {
  const list = typeof origins === 'string' ? origins.split(',').map((origin) => origin.trim()) : origins;
  return list.map((origin, index) => readOrigin(origin, list.length > 1 ? `${path}[${index}]` : path));
}

function readOrigin(origin: string, path: string): Endpoint {
  const fault = (what: string): CrowflyError =>
    new CrowflyError('bad-option', `${path}: expected an origin such as 'http://localhost:3001', ${what}`, {
      path,
    });
  let url: URL;
  // Never what was given: it may hold a password, or be another variable than was meant.
  try {
    url = new URL(origin);
  } catch {
    throw fault('got what is no URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw fault('got one that does not begin with http:// or https://');
  if (url.username !== '' || url.password !== '') throw fault('got one with user info');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw fault('got one with a path, query or fragment');
  const protocol = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (protocol === 'https' ? 443 : 80) : Number(url.port);
  return {
    id: url.host.includes(':') ? url.host : `${url.host}:${port}`,
    host: url.hostname,
    port,
    protocol,
  };
}

/** A registry of services whose instances never change. */
export function fixedRegistry(id: string, endpointsOf: (key: string) => readonly Endpoint[]): Registry {
  return {
    kind: 'fixed',
    id,
    supports: { unknown: true },
    locate: (target) => ({ key: typeof target === 'string' ? target : target.host }),
    watch(service, feed) {
      feed.publish(endpointsOf(service.key));
      return new Promise((resolve) => feed.signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
}
