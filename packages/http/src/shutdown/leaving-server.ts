import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2SecureServer, Http2Server, Http2Session } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Clock, Timer } from '@crowfly/core';
import { announceClose } from './announce-close.js';
import { Connections } from './connections.js';
import { Sessions } from './sessions.js';

/** A server of node:http, node:https or node:http2: what `app.listen()` of Express gives, or `app.server` of Fastify. */
export type NodeServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

/** How long a connection has to be unused before it is closed: a request may be on its way. */
const IDLE_MS = 1_000;
/** How often connections are looked through. */
const SWEEP_MS = 50;
/** Turns of the event loop at most in which who has connected already is accepted. */
const MAX_TURNS = 100;

/** What one server does while its process leaves. */
export class LeavingServer {
  readonly #server: NodeServer;
  readonly #clock: Clock;
  readonly #connections: Connections;
  readonly #sessions = new Sessions();
  readonly #unanswered = new Map<ServerResponse, IncomingMessage>();
  readonly #listeners: readonly (readonly [event: string, listener: (...args: never[]) => void])[];
  #attached = false;
  #leftAt: number | undefined;
  #closing = false;
  #cutting = false;
  #accepted = 0;
  #sweeping: Timer | undefined;

  constructor(server: NodeServer, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
    this.#connections = new Connections(clock);
    const tls = server instanceof TlsServer;
    this.#listeners = [
      [
        'connection',
        (socket: Socket) => {
          this.#accepted++;
          if (this.#cutting) socket.destroy();
          else if (tls) this.#connections.handshake(socket);
          else this.#connections.of(socket);
        },
      ],
      ['secureConnection', (socket: Socket) => this.#connections.secured(socket)],
      ['session', (session: Http2Session) => this.#sessions.add(session)],
      ['request', (request: IncomingMessage, response: ServerResponse) => this.#request(request, response)],
    ];
    this.attach();
  }

  /** Whether anybody can be talking to it. */
  get active(): boolean {
    return this.#server.listening || this.#connections.size > 0;
  }

  attach(): void {
    if (this.#attached) return;
    this.#attached = true;
    // First, so that no handler answers before we know of the request.
    for (const [event, listener] of this.#listeners) this.#server.prependListener(event, listener as never);
  }

  detach(): void {
    this.#attached = false;
    for (const [event, listener] of this.#listeners) this.#server.off(event, listener as never);
  }

  /** From now on every answer sends its client elsewhere; everything is still accepted and answered. */
  leave(): void {
    this.#leftAt = this.#clock.now();
    for (const [response, request] of this.#unanswered) this.#announce(request, response);
    this.#sessions.leave();
  }

  /** Stops accepting and closes what is idle. Resolves when the last connection has ended, however long that takes. */
  async close(): Promise<void> {
    await this.#acceptWhoWaits();
    this.#closing = true;
    const closed = this.#stopAccepting();
    this.#sessions.close();
    const sweep = (): void => {
      const idleSince = this.#clock.now() - IDLE_MS;
      if (idleSince >= (this.#leftAt ?? 0)) {
        this.#connections.closeIdle(idleSince);
        if (this.#connections.size === 0) this.#closeUnknown();
      }
      this.#sweeping = this.#clock.after(SWEEP_MS, sweep);
    };
    sweep();
    await closed;
    this.#sweeping?.cancel();
  }

  /** Ends every connection. @returns how many were in use */
  cut(): number {
    this.#cutting = true;
    this.#connections.closeIdle(this.#clock.now());
    const cut = this.#connections.open;
    this.#sessions.destroy();
    this.#connections.destroyAll();
    if ('closeAllConnections' in this.#server) this.#server.closeAllConnections();
    return cut;
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    // HTTP/2 has many requests on a connection, and its sessions know when they have ended.
    if (request.httpVersionMajor >= 2) return;
    const connection = this.#connections.of(request.socket);
    connection.requests++;
    this.#unanswered.set(response, request);
    if (this.#leftAt !== undefined) this.#announce(request, response);
    request.once('close', () => this.#connections.rest(connection));
    response.once('close', () => {
      connection.requests--;
      this.#unanswered.delete(response);
      this.#connections.rest(connection);
    });
  }

  #announce(request: IncomingMessage, response: ServerResponse): void {
    announceClose(request, response, () => this.#closing);
  }

  /**
   * Who has connected, and is not accepted when we stop to accept, sees a reset. After a turn of the event loop in which
   * nobody was accepted, nobody waits but those who came in that turn.
   */
  async #acceptWhoWaits(): Promise<void> {
    for (let turn = 0, before = -1; turn < MAX_TURNS; turn++) {
      if (before === this.#accepted || this.#cutting) return;
      before = this.#accepted;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /**
   * The `close` of HTTP servers also closes what is idle, at once: a request that is on its way, or a connection on which
   * none has come yet, would be reset. So it is kept from doing so.
   */
  #stopAccepting(): Promise<void> {
    const server = this.#server as HttpServer;
    // Never listened, or its owner has closed it.
    if (!server.listening) return this.#connections.emptied();
    return new Promise((resolve) => {
      const spared = 'closeIdleConnections' in server;
      if (spared) server.closeIdleConnections = () => {};
      server.close(() => resolve());
      if (spared) delete (server as Partial<HttpServer>).closeIdleConnections;
    });
  }

  /** Idle connections from before we were told of the server. */
  #closeUnknown(): void {
    if ('closeIdleConnections' in this.#server) this.#server.closeIdleConnections();
  }
}
