import type { Socket } from 'node:net';
import type { Clock } from '@crowfly/core';

export interface Connection {
  readonly socket: Socket;
  /** Requests without a complete answer. */
  requests: number;
  /** `socket.bytesRead` when the last answer was complete. */
  bytesAtRest: number;
  /** When it was accepted, or its last answer was complete. */
  since: number;
}

/**
 * The connections of a server, and which of them are idle: no answer is due, and not a byte has come since the last one
 * was complete. So half a request is not idle, and neither is a connection that was upgraded, whose bytes are no requests.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #all = new Map<Socket, Connection>();
  /** Of TLS servers: what was accepted, by peer, until the socket that decrypts takes its place. */
  readonly #handshakes = new Map<string, Socket>();
  #onEmpty: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Those that nobody has begun to close. */
  get open(): number {
    return [...this.#all.keys()].filter((socket) => !socket.destroyed).length;
  }

  /** The connection of a socket, from now on if it was not known. */
  of(socket: Socket): Connection {
    const known = this.#all.get(socket);
    if (known !== undefined) return known;
    const connection = { socket, requests: 0, bytesAtRest: 0, since: this.#clock.now() };
    if (socket.destroyed) return connection;
    this.#all.set(socket, connection);
    socket.once('close', () => this.#remove(socket));
    return connection;
  }

  /** A TLS server accepted: there are no requests on this socket, but on the one that {@link secured} brings. */
  handshake(socket: Socket): void {
    this.of(socket);
    const peer = peerOf(socket);
    if (peer === undefined) return;
    this.#handshakes.set(peer, socket);
    socket.once('close', () => {
      if (this.#handshakes.get(peer) === socket) this.#handshakes.delete(peer);
    });
  }

  secured(socket: Socket): void {
    this.of(socket);
    const raw = this.#handshakes.get(peerOf(socket) ?? '');
    if (raw !== undefined) this.#remove(raw);
  }

  /** An answer, or a request that came in late, is complete. */
  rest(connection: Connection): void {
    if (connection.requests > 0) return;
    connection.bytesAtRest = connection.socket.bytesRead;
    connection.since = this.#clock.now();
  }

  /** Closes those that have been idle since `before`. */
  closeIdle(before: number): void {
    for (const { socket, requests, bytesAtRest, since } of this.#all.values()) {
      if (requests === 0 && socket.bytesRead === bytesAtRest && since <= before) socket.destroy();
    }
  }

  destroyAll(): void {
    for (const socket of this.#all.keys()) socket.destroy();
  }

  emptied(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#all.size === 0) resolve();
      else this.#onEmpty = resolve;
    });
  }

  #remove(socket: Socket): void {
    this.#all.delete(socket);
    if (this.#all.size === 0) this.#onEmpty?.();
  }
}

/** The same for the socket that was accepted and for the one that decrypts; none for a pipe. */
function peerOf({ remoteAddress, remotePort, localPort }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort} ${localPort}`;
}
