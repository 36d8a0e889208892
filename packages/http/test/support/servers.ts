import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Endpoint, Engine, Events, Listener, Route } from '@crowfly/core';

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');

/** The authority that signed the certificates of the test servers. */
export const authority = fixture('ca.pem');

/** Closed by `close`, together. */
export class Servers {
  readonly #servers: { server: Server; sockets: Set<Socket> }[] = [];

  async raw(onSocket: (socket: Socket) => void): Promise<Endpoint> {
    return this.#listen(createServer(onSocket));
  }

  async http(listener: RequestListener): Promise<Endpoint> {
    return this.#listen(createHttpServer(listener));
  }

  /** @param name whose certificate it shows */
  async https(name: 'orders' | 'payments', listener: RequestListener): Promise<Endpoint> {
    const options = { cert: fixture(`${name}.pem`), key: fixture(`${name}-key.pem`) };
    const endpoint = await this.#listen(createHttpsServer(options, listener));
    return { ...endpoint, protocol: 'https' };
  }

  /** Where nobody listens. */
  async refused(): Promise<Endpoint> {
    const server = createServer();
    const endpoint = await this.#listen(server);
    await new Promise((resolve) => server.close(resolve));
    return endpoint;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.splice(0).map(({ server, sockets }) => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  async #listen(server: Server): Promise<Endpoint> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', () => {});
    this.#servers.push({ server, sockets });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { id: `i${port}`, host: '127.0.0.1', port };
  }
}

/** As much of an engine as pools need. */
export class Owner {
  readonly #owned = new Map<symbol, { close(): unknown }>();
  readonly #listeners = new Set<Listener<'left'>>();

  get engine(): Engine {
    return this as never;
  }

  own<T extends { close(): unknown }>(key: symbol, create: () => T): T {
    const owned = (this.#owned.get(key) as T | undefined) ?? create();
    this.#owned.set(key, owned);
    return owned;
  }

  on(_name: 'left', listener: Listener<'left'>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  leave(service: string, endpoint: Endpoint): void {
    const event: Events['left'] = { service, registry: 'test', endpoint };
    for (const listener of this.#listeners) listener(event);
  }

  async close(): Promise<void> {
    for (const one of this.#owned.values()) await one.close();
  }
}

export const route = (name: string, scheme: 'http' | 'https' = 'http'): Route => ({
  scheme,
  authority: name,
  hostname: name,
  service: name,
});

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
