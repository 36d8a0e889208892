import type { Endpoint, Engine, Route } from '@crowfly/core';
import type { Dispatcher } from 'undici';
import { bounded, type Connector, connectorFor } from './connector.js';
import { loadUndici, type Undici } from './load-undici.js';
import { type Address, type Closable, createPerInstance, type PerInstance } from './per-instance.js';
import { tlsIdentity } from './tls-identity.js';

/** A request as undici takes it. */
export type DispatchOptions = Dispatcher.DispatchOptions;
/** What undici tells of the answer, in its older or its newer style. */
export type DispatchHandler = Dispatcher.DispatchHandler;

/** Where and how a request is sent. */
export interface Destination {
  /** The service as the caller named it: whose identity TLS has to prove. */
  readonly route: Route;
  readonly endpoint: Endpoint;
  /** The limit for a new connection, in milliseconds. */
  readonly connectMs: number;
}

/** Connections to instances: one undici `Pool` each. */
export interface Pools {
  /** Sends on a free connection to the instance, or on a new one. As undici's `Dispatcher.dispatch`. */
  dispatch(destination: Destination, options: DispatchOptions, handler: DispatchHandler): boolean;
  /** Instances with a pool. */
  readonly size: number;
  close(): Promise<void>;
}

/**
 * How connections are used.
 *
 * - As many as there are calls in flight, one request at a time on each.
 * - Idle ones are closed after 4 s, or 2 s before the server said that it would: common servers close after 5 s, and a
 *   request that meets the closing is lost.
 * - No limit on the wait for an answer's head: the engine's `firstByteMs` and `totalMs` are. Between two parts of a body
 *   the limit is the 300 s of the built-in fetch.
 */
const POOL_OPTIONS = {
  pipelining: 1,
  keepAliveTimeout: 4_000,
  keepAliveTimeoutThreshold: 2_000,
  headersTimeout: 0,
  bodyTimeout: 300_000,
} as const;

const KEY = Symbol('crowfly.http.pools');

interface Holder {
  open(): Promise<Pools>;
  /** Set once `open` settled, for calls that need not wait. */
  readonly pools: Pools | undefined;
  close(): Promise<void>;
}

/** The pools of an engine, shared by its clients; `undefined` until {@link openPools} has loaded undici. */
export function openedPools(engine: Engine): Pools | undefined {
  return holder(engine).pools;
}

/** The pools of an engine, shared by its clients and closed with it. Loads undici on the first call. */
export function openPools(engine: Engine): Promise<Pools> {
  return holder(engine).open();
}

function holder(engine: Engine): Holder {
  return engine.own(KEY, () => {
    let opening: Promise<Pools> | undefined;
    let pools: Pools | undefined;
    return {
      open() {
        opening ??= loadUndici().then((undici) => {
          pools = createPools(engine, undici);
          return pools;
        });
        return opening;
      },
      get pools() {
        return pools;
      },
      close: async () => (await opening)?.close(),
    };
  });
}

function createPools(engine: Engine, undici: Undici): Pools {
  const connectors = new Map<string, Connector>();
  const connector = (identity: string | undefined): Connector => {
    const key = identity ?? '';
    const known = connectors.get(key) ?? connectorFor(undici, identity);
    connectors.set(key, known);
    return known;
  };
  const instances: PerInstance<InstancePool> = createPerInstance(engine, {
    // `http` or `https:<identity>`
    create: (address, variant) =>
      new InstancePool(undici, address, variant, connector(variant.slice(6) || undefined)),
  });
  return {
    dispatch({ route, endpoint, connectMs }, options, handler) {
      const identity = tlsIdentity(route, endpoint);
      const variant = identity === undefined ? 'http' : `https:${identity}`;
      const pool = instances.get(route.service, endpoint, variant);
      return pool.dispatch(options, handler, connectMs);
    },
    get size() {
      return instances.size;
    },
    close: () => instances.close(),
  };
}

class InstancePool implements Closable {
  readonly #pool: Dispatcher;
  #connectMs = 0;

  constructor(undici: Undici, { host, port }: Address, variant: string, connector: Connector) {
    // The connector knows the address itself; this is what undici calls it, where a zone id has no place.
    const name = host.includes(':') ? `[${host.replace(/%.*/, '')}]` : host;
    const origin = `${variant.startsWith('https') ? 'https' : 'http'}://${name}:${port}`;
    const connect = bounded(undici, connector, { host, port }, () => this.#connectMs);
    this.#pool = new undici.Pool(origin, { ...POOL_OPTIONS, connect });
  }

  dispatch(options: DispatchOptions, handler: DispatchHandler, connectMs: number): boolean {
    // A pool connects while it dispatches, so this is the limit of the request that needs the connection.
    this.#connectMs = connectMs;
    return this.#pool.dispatch(options, handler);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  destroy(): Promise<void> {
    return this.#pool.destroy();
  }
}
