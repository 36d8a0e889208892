import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Shape, TcpTarget } from './tcp-proxy.js';

/** One connection through a proxy: a client's socket, and one to the target. */
export class Link {
  readonly #client: Socket;
  readonly #target: TcpTarget;
  readonly #up: Lane;
  readonly #down: Lane;
  #upstream: Socket | undefined;
  #dead = false;

  /** Silent until {@link open}. */
  constructor(client: Socket, target: TcpTarget, shape: Shape, closed: () => void) {
    this.#client = client;
    this.#target = target;
    this.#up = new Lane(shape);
    this.#down = new Lane(shape);
    this.#up.readFrom(client);
    client.once('end', () => {
      // Who would answer? So it has closed, not just said its last word.
      if (this.#dead || this.#upstream === undefined) client.end();
    });
    client.on('error', () => {});
    client.once('close', (broken) => {
      closed();
      if (!this.#dead && broken) this.#upstream?.resetAndDestroy();
    });
  }

  /** Connects to the target; what the client has sent so far follows. */
  open(): void {
    if (this.#dead || this.#upstream !== undefined || this.#client.readableEnded) return;
    const upstream = connect({ host: '127.0.0.1', ...this.#target, allowHalfOpen: true, noDelay: true });
    this.#upstream = upstream;
    this.#down.readFrom(upstream);
    this.#up.writeTo(upstream);
    this.#down.writeTo(this.#client);
    upstream.on('error', () => {});
    upstream.once('close', (broken) => {
      if (!this.#dead && broken) this.#client.resetAndDestroy();
    });
  }

  /** Stays open on both sides and carries nothing any more. When one side closes, the other is not told. */
  die(): void {
    this.#dead = true;
    this.#up.drop();
    this.#down.drop();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#upstream?.resetAndDestroy();
  }
}

/** What may wait here before its sender has to. */
const FULL = 256 * 1024;

/** One direction. It always reads, so that an end is seen at once; what cannot be passed on yet waits. */
class Lane {
  readonly #shape: Shape;
  readonly #waiting: Buffer[] = [];
  #size = 0;
  #from: Socket | undefined;
  #to: Socket | undefined;
  #ended = false;
  #dropped = false;
  #running = false;

  constructor(shape: Shape) {
    this.#shape = shape;
  }

  readFrom(from: Socket): void {
    this.#from = from;
    from.on('data', (data: Buffer) => {
      if (this.#dropped) return;
      this.#waiting.push(data);
      this.#size += data.length;
      if (this.#size >= FULL && this.#to !== undefined) from.pause();
      void this.#run();
    });
    from.once('end', () => {
      this.#ended = true;
      void this.#run();
    });
  }

  writeTo(to: Socket): void {
    this.#to = to;
    void this.#run();
  }

  /** Whatever waits or comes is thrown away, and so is its end. */
  drop(): void {
    this.#dropped = true;
    this.#waiting.length = 0;
    this.#from?.resume();
  }

  async #run(): Promise<void> {
    const to = this.#to;
    if (this.#running || to === undefined) return;
    this.#running = true;
    for (let data = this.#waiting.shift(); data !== undefined; data = this.#waiting.shift()) {
      await this.#pass(data, to);
      this.#size -= data.length;
      if (this.#size < FULL) this.#from?.resume();
    }
    this.#running = false;
    if (this.#ended && !this.#dropped) to.end();
  }

  async #pass(data: Buffer, to: Socket): Promise<void> {
    for (let at = 0; at < data.length && !this.#dropped && !to.destroyed; ) {
      const { bytesPerMs, chunkBytes } = this.#shape;
      const most = Math.min(
        chunkBytes ?? data.length,
        bytesPerMs === undefined ? data.length : Math.ceil(bytesPerMs),
      );
      const piece = data.subarray(at, at + most);
      await new Promise<void>((resolve) => to.write(piece, () => resolve()));
      at += piece.length;
      if (bytesPerMs !== undefined) await sleep(piece.length / bytesPerMs);
    }
  }
}
