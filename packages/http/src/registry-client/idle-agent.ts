import type { ClientRequest } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@crowfly/core';
import { http } from '../node-http.js';

/**
 * Idle connections are closed after this time, in milliseconds: common servers close theirs after 5 s, and a request
 * that meets the closing is lost.
 */
const IDLE_MS = 4_000;

/** The keep-alive agent of Node.js, with connections of ours, and with an end to their idleness. */
export class IdleAgent extends http.Agent {
  readonly #clock: Clock;
  readonly #idle = new Map<Socket, Timer>();

  constructor(clock: Clock) {
    super({ keepAlive: true });
    this.#clock = clock;
  }

  /** @param options of the request; its `connect` opens the connection */
  override createConnection(
    options: object,
    callback: (error: Error | null, socket: Duplex) => void = () => {},
  ): undefined {
    const { connect } = options as { connect(): Promise<Socket> };
    connect().then(
      (socket) => callback(null, socket),
      (error) => callback(error, undefined as never),
    );
  }

  override keepSocketAlive(socket: Socket): boolean {
    // Its declaration says that it returns nothing.
    const kept = super.keepSocketAlive(socket) as unknown;
    if (kept === false) return false;
    socket.unref();
    this.forget(socket);
    this.#idle.set(
      socket,
      this.#clock.after(IDLE_MS, () => socket.destroy()),
    );
    return true;
  }

  override reuseSocket(socket: Socket, message?: ClientRequest): void {
    this.forget(socket);
    if (message === undefined) socket.ref();
    else super.reuseSocket(socket as never, message);
  }

  /** It is not idle any more. */
  forget(socket: Socket): void {
    this.#idle.get(socket)?.cancel();
    this.#idle.delete(socket);
  }

  closeIdle(): void {
    for (const socket of this.#idle.keys()) socket.destroy();
  }
}
