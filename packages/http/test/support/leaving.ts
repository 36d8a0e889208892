import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { VirtualClock } from '@crowfly/core/testing';
import {
  type GracefulShutdown,
  type GracefulShutdownOptions,
  gracefulShutdown,
  type NodeServer,
} from '@crowfly/http';
import { until } from './servers.ts';

/** One connection, on which a test sends and reads what it likes. */
export class Wire {
  readonly socket: Socket;
  received = '';
  closed = false;
  error: Error | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received += chunk;
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  get(path = '/'): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: orders\r\n\r\n`);
  }

  /** Resolves once `text` has come; the text is then gone from `received`. */
  async reads(text: string): Promise<string> {
    await until(() => this.received.includes(text) || this.closed);
    if (!this.received.includes(text)) {
      throw new Error(`closed before '${text}', after '${this.received}'${this.error ?? ''}`);
    }
    const end = this.received.indexOf(text) + text.length;
    const read = this.received.slice(0, end);
    this.received = this.received.slice(end);
    return read;
  }

  async ends(): Promise<void> {
    await until(() => this.closed);
  }
}

/** Servers that leave on a virtual clock, and the connections to them. */
export class Leaving {
  readonly clock = new VirtualClock();
  readonly log: string[] = [];
  readonly #servers: Server[] = [];
  readonly #wires: Wire[] = [];

  server(listener?: RequestListener): Server {
    const server = createServer(listener);
    this.#servers.push(server);
    return server;
  }

  leave(server: NodeServer | readonly NodeServer[], options: GracefulShutdownOptions = {}): GracefulShutdown {
    return gracefulShutdown(server, {
      signals: false,
      clock: this.clock,
      logger: { info: () => {}, warn: (line) => this.log.push(line) },
      ...options,
    });
  }

  async wire(server: NodeServer): Promise<Wire> {
    const before = connectionsOf(server);
    const wire = new Wire(connect((server.address() as AddressInfo).port, '127.0.0.1'));
    this.#wires.push(wire);
    const target = (await before) + 1;
    while ((await connectionsOf(server)) < target) await new Promise((resolve) => setImmediate(resolve));
    return wire;
  }

  /** Moves on in small steps, with the sockets served in between. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      await this.clock.advance(Math.min(50, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async close(): Promise<void> {
    for (const wire of this.#wires) wire.socket.destroy();
    for (const server of this.#servers) {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    }
  }
}

const connectionsOf = (server: NodeServer): Promise<number> =>
  new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

export async function listening<S extends NodeServer>(server: S): Promise<S> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
