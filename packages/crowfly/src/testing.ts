import {
  type Behaviour,
  type Clock,
  CrowflyError,
  check,
  checkCallOptions,
  checkOptions,
  createEngine,
  type Endpoint,
  type Engine,
  kindOf,
  type RegistryFactory,
  type Transport,
} from '@crowfly/core';
import { classifyError, isIdempotentMethod } from '@crowfly/http';
import { roundRobin } from '@crowfly/strategies';
import type { Discovery } from './create-discovery.js';

export { seededRandom, settle, VirtualClock } from '@crowfly/core/testing';

/** One fake instance: answers a request, or throws as a broken one would (a `code` such as `ECONNREFUSED` counts). */
export type FakeInstance = (request: Request) => Response | Promise<Response>;

/** The instances of each service; a single function is a service of one. */
export type FakeServices = Readonly<Record<string, FakeInstance | readonly FakeInstance[]>>;

export interface TestDiscoveryOptions {
  /** As the `defaults` of `createDiscovery`. Strategy: round robin. */
  readonly defaults?: Behaviour;
  /** Default: the system's. A VirtualClock makes time limits and backoff instant. */
  readonly clock?: Clock;
  /** Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * A discovery for unit tests: fixed instances that are functions, and no network at all. Everything between your code and
 * the instance is the real thing: names, choice, retries, ejection, time limits.
 *
 * @example
 * ```ts
 * const discovery = testDiscovery({ orders: () => Response.json({ id: 42 }) });
 * const response = await discovery.fetch('http://orders/v1/42');
 * ```
 * @throws CrowflyError `bad-option` when a service is no function and no list of functions
 */
export function testDiscovery(services: FakeServices, options: TestDiscoveryOptions = {}): Discovery {
  checkOptions('testDiscovery', options, {
    defaults: check.anyObject,
    clock: check.anyObject,
    random: check.function,
  });
  const fakes = new Map<string, FakeInstance>();
  const registry = fakeRegistry(services, fakes);
  const engine = createEngine(roundRobin(), {
    ...options,
    registry,
    env: false,
    logger: false,
    probe: async () => 'accepts',
  });
  return Object.assign(engine, { fetch: fakeFetch(engine, fakes) });
}

/** Fixed sets; `fakes` learns which endpoint is which function. */
function fakeRegistry(services: FakeServices, fakes: Map<string, FakeInstance>): RegistryFactory {
  const sets = new Map<string, readonly Endpoint[]>();
  for (const [name, given] of Object.entries(services)) {
    const list = typeof given === 'function' ? [given] : given;
    check.list(check.function, 'a function, or a list of them')(list, `testDiscovery.${name}`);
    const endpoints = list.map((instance, index) => {
      const id = `${name}-${index + 1}`;
      fakes.set(id, instance);
      return Object.freeze({ id, host: `${id}.invalid`, port: 80 });
    });
    sets.set(name, endpoints);
  }
  return () => ({
    kind: 'test',
    id: 'test',
    supports: { unknown: true },
    locate(target) {
      const name = typeof target === 'string' ? target : target.host;
      return sets.has(name) || !name.includes('.') ? { key: name } : undefined;
    },
    watch({ key }, feed) {
      const endpoints = sets.get(key);
      if (endpoints === undefined)
        feed.unknown(`testDiscovery has ${[...sets.keys()].join(', ') || 'no services'}`);
      else feed.publish(endpoints);
      return new Promise((resolve) => {
        if (feed.signal.aborted) resolve();
        else feed.signal.addEventListener('abort', () => resolve(), { once: true });
      });
    },
  });
}

function fakeFetch(engine: Engine, fakes: ReadonlyMap<string, FakeInstance>): typeof fetch {
  return async function fetch(input, init) {
    const request = new Request(input, init);
    const route = engine.route(new URL(request.url));
    if (route === undefined) {
      const text = `${new URL(request.url).host} is no service of this testDiscovery, which has no network`;
      throw new CrowflyError('bad-request', text);
    }
    const idempotent = isIdempotentMethod(request.method) || request.headers.has('idempotency-key');
    const { crowfly } = (init ?? {}) as { crowfly?: object };
    if (crowfly !== undefined) checkCallOptions(crowfly, 'fetch(..., { crowfly })');
    return engine.call(
      route,
      { idempotent, ...crowfly, replayable: true, signal: request.signal },
      fakeTransport(request, fakes),
    );
  };
}

function fakeTransport(request: Request, fakes: ReadonlyMap<string, FakeInstance>): Transport<Response> {
  return {
    classify: classifyError,
    async send(attempt) {
      const { endpoint, lease } = attempt;
      const instance = fakes.get(endpoint.id) as FakeInstance;
      // As a server sees its connection close: the fake can listen to its request's signal.
      const ending = new AbortController();
      attempt.onAbort((reason) => ending.abort(reason));
      const response = await instance(new Request(request.clone(), { signal: ending.signal }));
      if (!(response instanceof Response)) {
        const text = `testDiscovery: the function of ${endpoint.id} must return a Response, got ${kindOf(response)}`;
        throw new CrowflyError('bad-option', text);
      }
      // A Response made by hand has no URL; one that was fetched does.
      Object.defineProperty(response, 'url', { value: request.url });
      lease.responded(response.status);
      lease.done({ kind: 'answered' });
      return { value: response, status: response.status, discard() {} };
    },
  };
}
