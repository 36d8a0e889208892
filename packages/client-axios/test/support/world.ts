import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer, type Server, type Socket } from 'node:net';
import { type AxiosAdapterOptions, axiosAdapter } from '@crowfly/client-axios';
import {
  createEngine,
  type Endpoint,
  type Engine,
  type EngineOptions,
  type Feed,
  type Lease,
  type Outcome,
  type RegistryFactory,
  type Strategy,
} from '@crowfly/core';
import axios, { type AxiosInstance, type CreateAxiosDefaults } from 'axios';
import type { Certificate } from './certificate.ts';

/** The first in the order of ids that was not tried: a test knows where a call goes. */
export const inOrder: Strategy = () => {
  let pool: Parameters<ReturnType<Strategy>['update']>[0] | undefined;
  return {
    update(updated) {
      pool = updated;
    },
    pick(call) {
      const untried = (pool?.eligible ?? []).filter((member) => !call.tried(member));
      return untried.sort((a, b) => (a.endpoint.id < b.endpoint.id ? -1 : 1))[0];
    },
  };
};

/** A registry that says what the test tells it to. Single-label names are services. */
class Script {
  readonly #sets = new Map<string, readonly Endpoint[]>();
  readonly #feeds = new Set<{ key: string; feed: Feed }>();

  readonly factory: RegistryFactory = () => ({
    kind: 'script',
    id: 'script:test',
    supports: { unknown: true },
    locate: (target) => {
      const host = typeof target === 'string' ? target : target.host;
      return host.includes('.') ? undefined : { key: host };
    },
    watch: async ({ key }, feed) => {
      const entry = { key, feed };
      this.#feeds.add(entry);
      const set = this.#sets.get(key);
      if (set === undefined) feed.unknown('the script has no such service');
      else feed.publish(set);
      await new Promise<void>((resolve) => feed.signal.addEventListener('abort', () => resolve()));
      this.#feeds.delete(entry);
    },
  });

  put(service: string, ...endpoints: readonly Endpoint[]): void {
    this.#sets.set(service, endpoints);
    for (const { key, feed } of this.#feeds) if (key === service) feed.publish(endpoints);
  }
}

/** A server on loopback. */
export interface Instance {
  readonly endpoint: Endpoint;
  readonly origin: string;
  readonly requests: IncomingMessage[];
  readonly sockets: Set<Socket>;
  /** Connections made since the start. */
  connections: number;
  /** Ends every connection and listens no more. */
  kill(): void;
}

/** What a transport told a lease. */
export interface LeaseLog {
  readonly instance: string;
  readonly responded: number[];
  readonly done: Outcome[];
}

export interface Api {
  readonly api: AxiosInstance;
  readonly engine: Engine;
  readonly leases: LeaseLog[];
}

/** Servers and engines of one test; closed together. */
export class World {
  readonly registry = new Script();
  readonly #closers: (() => unknown)[] = [];

  async instance(id: string, listener: RequestListener, certificate?: Certificate): Promise<Instance> {
    const onRequest: RequestListener = (request, response) => {
      instance.requests.push(request);
      listener(request, response);
    };
    const server = certificate
      ? createTlsServer({ key: certificate.key, cert: certificate.cert }, onRequest)
      : createServer(onRequest);
    const { port, sockets, kill } = await this.#listen(server);
    const protocol = certificate ? 'https' : 'http';
    const instance: Instance = {
      endpoint: { id, host: '127.0.0.1', port, ...(certificate && { protocol }) },
      origin: `${protocol}://127.0.0.1:${port}`,
      requests: [],
      sockets,
      connections: 0,
      kill,
    };
    server.on('connection', () => instance.connections++);
    return instance;
  }

  /** A server that speaks no HTTP by itself. */
  async raw(id: string, onSocket: (socket: Socket) => void): Promise<Endpoint> {
    const { port } = await this.#listen(createRawServer(onSocket));
    return { id, host: '127.0.0.1', port };
  }

  /** An address where nobody listens. */
  async refused(id: string): Promise<Endpoint> {
    const { port, kill } = await this.#listen(createRawServer());
    kill();
    return { id, host: '127.0.0.1', port };
  }

  engine(options: EngineOptions = {}): Engine {
    const engine = createEngine(inOrder, {
      registry: this.registry.factory,
      logger: false,
      env: false,
      ...options,
    });
    this.#closers.push(() => engine.close());
    return engine;
  }

  /** axios over the scripted registry, with a record of what happens to leases. */
  api(
    defaults: CreateAxiosDefaults = {},
    options: EngineOptions = {},
    adapter: AxiosAdapterOptions = {},
  ): Api {
    const engine = this.engine({ limits: { closeMs: 200 }, ...options });
    const { recorded, leases } = record(engine);
    return { api: axios.create({ adapter: axiosAdapter(recorded, adapter), ...defaults }), engine, leases };
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #listen(server: Server): Promise<{ port: number; sockets: Set<Socket>; kill(): void }> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const kill = (): void => {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    };
    this.#closers.push(kill);
    return { port: (server.address() as AddressInfo).port, sockets, kill };
  }
}

/** The engine, noting what transports tell their leases; what the engine itself tells them is not noted. */
function record(engine: Engine): { recorded: Engine; leases: LeaseLog[] } {
  const leases: LeaseLog[] = [];
  const noting = (lease: Lease): Lease => {
    const log: LeaseLog = { instance: lease.endpoint.id, responded: [], done: [] };
    leases.push(log);
    return {
      endpoint: lease.endpoint,
      purpose: lease.purpose,
      responded(status, retryAfterMs) {
        log.responded.push(status);
        lease.responded(status, retryAfterMs);
      },
      progress: () => lease.progress(),
      done(outcome) {
        log.done.push(outcome);
        lease.done(outcome);
      },
    };
  };
  const recorded = new Proxy(engine, {
    get(target, key) {
      if (key === 'acquire') {
        return async (...args: Parameters<Engine['acquire']>) => noting(await target.acquire(...args));
      }
      if (key === 'call') {
        return (...[route, request, transport]: Parameters<Engine['call']>) =>
          target.call(route, request, {
            classify: (error, attempt) => transport.classify(error, attempt),
            send: (attempt) =>
              transport.send({
                lease: noting(attempt.lease),
                endpoint: attempt.endpoint,
                number: attempt.number,
                connectMs: attempt.connectMs,
                onAbort: (abort) => attempt.onAbort(abort),
              }),
          });
      }
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { recorded, leases };
}

/** Tries in flight to all instances of a service. */
export async function inFlight(engine: Engine, service = 'orders'): Promise<number> {
  const { instances } = await engine.explain(service);
  return instances.reduce((sum, { inFlight }) => sum + inFlight, 0);
}

/** Waits for a condition; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a promise rejected with; fails when it did not. */
export async function rejection<E = any>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise;
  } catch (error) {
    return error as E;
  }
  throw new Error('expected a rejection');
}

/** The whole of a readable as text. */
export async function text(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
}
