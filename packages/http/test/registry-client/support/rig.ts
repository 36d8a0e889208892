import { readFileSync } from 'node:fs';
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcp,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net';
import { VirtualClock } from '@crowfly/core/testing';
import { createRegistryClient, type RegistryClient, type RegistryClientOptions } from '@crowfly/http';
import { expect } from 'chai';

export const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));

/** The same handler serves both protocols: Node's compatibility interface of HTTP/2 has what it uses. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server, a client of it, and what is spoken between them. */
export type Kind = 'http' | 'https' | 'https, HTTP/2 refused' | 'HTTP/2';
export const KINDS: readonly Kind[] = ['http', 'https', 'https, HTTP/2 refused', 'HTTP/2'];

/** Everything that a test opens, closed together; afterwards nothing may be left. */
export class Rig {
  readonly clock = new VirtualClock();
  readonly #servers: { server: Server; sockets: Set<Socket> }[] = [];
  readonly #clients: RegistryClient[] = [];

  /** A client of a server that speaks `kind`. */
  async client(
    kind: Kind,
    handler: Handler,
    options: Partial<RegistryClientOptions> = {},
  ): Promise<RegistryClient> {
    return this.to(await this.serve(kind, handler), {
      http2: kind !== 'http' && kind !== 'https',
      ...options,
    });
  }

  to(port: number | string, options: Partial<RegistryClientOptions> = {}): RegistryClient {
    const client = createRegistryClient({
      origin: typeof port === 'string' ? port : `https://127.0.0.1:${port}`,
      clock: this.clock,
      connection: () => ({ ca: fixture('registries-ca.pem') }),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** @returns its port, or its origin when that is not https */
  async serve(kind: Kind, handler: Handler, options: object = {}): Promise<number | string> {
    const material = { cert: fixture('registry.pem'), key: fixture('registry-key.pem'), ...options };
    if (kind === 'http') return `http://127.0.0.1:${await this.listen(createHttp1(options, handler))}`;
    if (kind !== 'HTTP/2') return this.listen(createHttps(material, handler));
    const server = createSecureServer(material, handler as never);
    server.on('sessionError', () => {});
    server.on('session', (session) => session.on('error', () => {}));
    return this.listen(server as unknown as Server);
  }

  tcp(onSocket: (socket: Socket) => void): Promise<number> {
    return this.listen(createTcp(onSocket));
  }

  async listen(server: Server, where: ListenOptions = { port: 0, host: '127.0.0.1' }): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('tlsClientError', () => {});
    server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}));
    this.#servers.push({ server, sockets });
    await new Promise<void>((resolve) => server.listen(where, resolve));
    return (server.address() as AddressInfo).port;
  }

  /** As a process that is killed: whoever comes next is refused. */
  async stopServers(): Promise<void> {
    await Promise.all(
      this.#servers.splice(0).map(({ server, sockets }) => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      }),
    );
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) {
      await client.close();
      expect(client.connections, 'connections after close()').to.equal(0);
    }
    await this.stopServers();
    expect(this.clock.pending, 'timers after close()').to.equal(0);
  }

  /** Moves the clock, in steps that leave the network time to keep up. */
  async elapse(ms: number, stepMs = 500): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.clock.advance(stepMs);
      await tick();
    }
  }

  /** Moves the clock until `work` settles. */
  async passing<T>(stepMs: number, work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    while (!settled) {
      await this.clock.advance(stepMs);
      await tick();
    }
    return work;
  }
}

/** Between a client and a server: passes on, until it is told otherwise. */
export class Relay {
  readonly pairs = new Set<readonly [client: Socket, server: Socket]>();
  /** Connections accepted so far. */
  accepted = 0;
  #frozen = false;

  static async start(rig: Rig, port: number): Promise<{ relay: Relay; port: number }> {
    const { connect } = await import('node:net');
    const relay = new Relay();
    const own = await rig.tcp((client) => {
      relay.accepted++;
      const server = connect(port, '127.0.0.1');
      const pair = [client, server] as const;
      relay.pairs.add(pair);
      server.on('error', () => client.destroy());
      const pass = (from: Socket, to: Socket): void => {
        from.on('data', (data) => {
          if (!relay.#frozen) to.write(data);
        });
        from.on('end', () => {
          if (!relay.#frozen) to.end();
        });
        from.on('close', () => {
          relay.pairs.delete(pair);
          if (!relay.#frozen) to.destroy();
        });
      };
      pass(client, server);
      pass(server, client);
    });
    return { relay, port: own };
  }

  /** From now on nothing gets through, and nothing is closed; new connections are taken, and ignored too. */
  freeze(): void {
    this.#frozen = true;
  }

  thaw(): void {
    this.#frozen = false;
  }

  reset(): void {
    for (const [client, server] of this.pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await tick();
}

/** The error that `work` ends with. */
export async function failure(work: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

export const never = new AbortController().signal;
