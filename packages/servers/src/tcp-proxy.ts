import { createServer, type Server, type Socket } from 'node:net';
import { freePort } from './process/ports.js';
import { Link } from './tcp-link.js';

export interface TcpTarget {
  readonly port: number;
  /** `127.0.0.1` by default. */
  readonly host?: string;
}

/** How bytes are passed on; for both directions of all connections that carry something. */
export interface Shape {
  /** Bytes for each millisecond; undefined: all at once. */
  bytesPerMs: number | undefined;
  /** The size of each write; undefined: as it came. */
  chunkBytes: number | undefined;
}

const PORT_TRIES = 5;

/**
 * A proxy on 127.0.0.1 that passes bytes on as they are, TLS or not, until it is told to misbehave.
 *
 * `const proxy = await TcpProxy.to({ port }); ... await proxy.close();`
 */
export class TcpProxy {
  /** Where it listens. The same until it is closed, also after `refuse()` and `accept()`. */
  readonly port: number;
  readonly #target: { readonly port: number; readonly host: string };
  readonly #links = new Set<Link>();
  readonly #shape: Shape = { bytesPerMs: undefined, chunkBytes: undefined };
  #server: Server | undefined;
  #silent = false;
  #opened = 0;

  private constructor(port: number, { port: to, host = '127.0.0.1' }: TcpTarget) {
    this.port = port;
    this.#target = { port: to, host };
  }

  /** Starts a proxy in front of a port, on a free port. */
  static async to(target: TcpTarget): Promise<TcpProxy> {
    for (let left = PORT_TRIES - 1; ; left--) {
      const proxy = new TcpProxy(await freePort(), target);
      try {
        await proxy.accept();
        return proxy;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || left === 0) throw error;
      }
    }
  }

  /** Connections that clients have open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that were ever accepted. */
  get opened(): number {
    return this.#opened;
  }

  /**
   * As when packets vanish: connections of now stay open and never carry anything again, not even their end; new ones are
   * accepted, and silent until `thaw()`.
   */
  freeze(): void {
    for (const link of this.#links) link.die();
    this.#silent = true;
  }

  /** Ends `freeze()` for connections accepted since, and for new ones. */
  thaw(): void {
    this.release();
  }

  /** New connections are accepted and silent until `release()`. Those of now go on. */
  hold(): void {
    this.#silent = true;
  }

  /** Silent connections are connected, and get what was sent on them. */
  release(): void {
    this.#silent = false;
    for (const link of this.#links) link.open();
  }

  /** Cuts all connections with a reset, on both sides. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** New connections are refused. Those of now go on. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // It stops listening at once; its callback would wait for the connections too.
    server?.close();
  }

  /** Ends `refuse()`. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accepted(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: this.port, host: '127.0.0.1', exclusive: true }, resolve);
    });
    this.#server = server;
  }

  /** Passes so many bytes on for each millisecond, in both directions; undefined: as they come. */
  drip(bytesPerMs: number | undefined): void {
    this.#shape.bytesPerMs = bytesPerMs;
  }

  /** Cuts what is passed on into writes of so many bytes; undefined: as they come. */
  chunkBytes(bytes: number | undefined): void {
    this.#shape.chunkBytes = bytes;
  }

  /** Ends everything, with resets. May be called again. */
  async close(): Promise<void> {
    await this.refuse();
    this.reset();
  }

  #accepted(socket: Socket): void {
    this.#opened++;
    const link = new Link(socket, this.#target, this.#shape, () => this.#links.delete(link));
    this.#links.add(link);
    if (!this.#silent) link.open();
  }
}
