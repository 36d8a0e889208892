import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { createServer as createRawServer } from 'node:net';
import { createFetch, type FetchOptions } from '@crowfly/client-fetch';
import {
  createEngine,
  type Endpoint,
  type Engine,
  type EngineOptions,
  type Feed,
  type RegistryFactory,
  type Strategy,
} from '@crowfly/core';

/** Takes turns, so that a test knows where a call goes. */
export const inTurn: Strategy = () => {
  let turn = 0;
  let pool: Parameters<ReturnType<Strategy>['update']>[0] | undefined;
  return {
    update: (updated) => {
      pool = updated;
    },
    pick: (call) => {
      const { eligible } = pool ?? { eligible: [] };
      for (let index = 0; index < eligible.length; index++) {
        const member = eligible[turn++ % eligible.length];
        if (member && !call.tried(member)) return member;
      }
      return undefined;
    },
  };
};

/** A registry that says what the test tells it to. */
class Script {
  readonly #feeds = new Map<string, Set<Feed>>();
  readonly #sets = new Map<string, readonly Endpoint[]>();

  readonly factory: RegistryFactory = () => ({
    kind: 'script',
    id: 'script:test',
    supports: { unknown: true },
    locate: (target) => {
      const host = typeof target === 'string' ? target : target.host;
      return host.includes('.') ? undefined : { key: host };
    },
    watch: async ({ key }, feed) => {
      const feeds = this.#feeds.get(key) ?? new Set();
      this.#feeds.set(key, feeds.add(feed));
      const set = this.#sets.get(key);
      if (set !== undefined) feed.publish(set);
      await new Promise<void>((resolve) => feed.signal.addEventListener('abort', () => resolve()));
      feeds.delete(feed);
    },
  });

  put(service: string, ...endpoints: readonly Endpoint[]): void {
    this.#sets.set(service, endpoints);
    for (const feed of this.#feeds.get(service) ?? []) feed.publish(endpoints);
  }
}

export interface Instance {
  readonly endpoint: Endpoint;
  readonly server: Server;
  readonly sockets: Set<Socket>;
  /** Connections made since the start. */
  connections: number;
  requests: number;
  /** Connections that a request came on and that are still there. */
  readonly open: number;
}

/** Servers, engines and what else a test opens; closed together. */
export class World {
  readonly registry = new Script();
  readonly #closers: (() => unknown)[] = [];

  async instance(listener: RequestListener, extra: Partial<Endpoint> = {}): Promise<Instance> {
    const used = new Set<Socket>();
    const server = createServer((request, response) => {
      instance.requests++;
      if (!used.has(request.socket)) request.socket.once('close', () => used.delete(request.socket));
      used.add(request.socket);
      listener(request, response);
    });
    const port = await this.#listen(server);
    const endpoint = { id: `i${port}`, host: '127.0.0.1', port, ...extra };
    const instance: Instance = {
      endpoint,
      server,
      sockets: track(server),
      connections: 0,
      requests: 0,
      get open() {
        return used.size;
      },
    };
    server.on('connection', () => instance.connections++);
    this.#closers.push(() => server.closeAllConnections());
    return instance;
  }

  /** A server that speaks no HTTP by itself. */
  async raw(onSocket: (socket: Socket) => void): Promise<Endpoint> {
    const server = createRawServer(onSocket);
    const sockets = track(server);
    const port = await this.#listen(server);
    this.#closers.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    return { id: `raw${port}`, host: '127.0.0.1', port };
  }

  /** An address where nobody listens. */
  async refused(): Promise<Endpoint> {
    const server = createRawServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    return { id: `refused${port}`, host: '127.0.0.1', port };
  }

  engine(options: EngineOptions = {}): Engine {
    const engine = createEngine(inTurn, {
      registry: this.registry.factory,
      logger: false,
      env: false,
      ...options,
    });
    this.#closers.push(() => engine.close());
    return engine;
  }

  fetch(options: EngineOptions = {}, fetchOptions: FetchOptions = {}): ReturnType<typeof createFetch> {
    return createFetch(this.engine(options), fetchOptions);
  }

  async close(): Promise<void> {
    await Promise.all(this.#closers.splice(0).map((close) => close()));
  }

  async #listen(server: NetServer): Promise<number> {
    const port = await listen(server);
    this.#closers.push(() => new Promise((resolve) => server.close(resolve)));
    return port;
  }
}

async function listen(server: NetServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function track(server: NetServer): Set<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** Waits for a condition; mocha's timeout is the limit. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<any> {
  return promise.then(
    (value) => {
      throw new Error(`expected a rejection, got ${String(value)}`);
    },
    (error) => error,
  );
}
