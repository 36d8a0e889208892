import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import type { Timer } from '@crowfly/core';
import type { Head } from './answer.js';
import { tellRequest } from './channels.js';
import type { Context, Dialled } from './dial.js';
import { connectError, failed, late, noAnswer, placeName } from './errors.js';
import type { Exchange, Stoppable } from './exchange.js';
import { flat } from './flat.js';
import { Lost } from './lost.js';
import { PingGuard } from './ping-guard.js';
import type { Plan } from './plan.js';
import { watchEnd } from './stream-end.js';
import { timeLimit } from './time-limit.js';

/** How much of one body the server may send before it is read, in bytes. */
const STREAM_WINDOW = 1024 * 1024;
/** The same for all of them together. Unread bodies do not use it up: Node.js renews it for whatever has arrived. */
const SESSION_WINDOW = 8 * STREAM_WINDOW;
/** How long a connection without requests is kept, in milliseconds. */
const IDLE_MS = 30_000;

/** One HTTP/2 connection, and the requests on it. */
export class Session {
  readonly #context: Context;
  readonly #dialled: Dialled;
  readonly #session: ClientHttp2Session;
  readonly #guard: PingGuard;
  #streams = 0;
  #holds = 0;
  #used = false;
  /** No new requests: the server said so, or it failed to answer one. */
  #retired = false;
  #closed = false;
  /** Why it ended, once it has. */
  #fault: unknown;
  #idle: Timer | undefined;

  private constructor(context: Context, dialled: Dialled) {
    this.#context = context;
    this.#dialled = dialled;
    const session = connect(context.origin.name, {
      createConnection: () => dialled.socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    this.#session = session;
    session.on('error', (error) => this.destroy(error));
    // Left to itself, a session whose TLS fails ends its socket, and waits for the peer to do so too.
    dialled.socket.on('error', (error) => this.destroy(error));
    this.#guard = new PingGuard(context.clock, context.limits, {
      received: () => dialled.socket.bytesRead,
      ping: (answered) => void (session.destroyed || session.ping(answered)),
      dead: (silentMs) => this.destroy(deadError(context, dialled, silentMs)),
    });
    session.on('goaway', () => this.#retire());
    session.once('close', () => {
      this.#closed = true;
      this.#retired = true;
      this.#idle?.cancel();
      this.#guard.stop();
    });
  }

  /** @returns once the server has said how many requests it takes at a time */
  static open(context: Context, dialled: Dialled, stoppable: Stoppable): Promise<Session> {
    const { clock, limits } = context;
    return new Promise((resolve, reject) => {
      const self = new Session(context, dialled);
      const settle = (): void => {
        cancel();
        off();
        self.#session.removeListener('close', onClose);
      };
      const fail = (reason: unknown): void => {
        settle();
        self.destroy(reason);
        reject(reason);
      };
      const where = placeName(dialled.place);
      const cancel = timeLimit(clock, limits.connectMs, true, () => {
        fail(
          failed(`${where} accepted a connection and said nothing for ${limits.connectMs} ms (connectMs)`),
        );
      });
      const onClose = (): void => {
        fail(connectError(dialled.place, self.#fault ?? failed(`${where} closed a new connection at once`)));
      };
      let off = (): void => {};
      off = stoppable.onStop(fail);
      self.#session.once('remoteSettings', () => {
        settle();
        self.#session.setLocalWindowSize(SESSION_WINDOW);
        if (self.#holds === 0) self.#session.unref();
        resolve(self);
      });
      self.#session.once('close', onClose);
    });
  }

  /** Whether it takes one more request now. */
  get free(): boolean {
    if (this.#retired || this.#session.closed || this.#session.destroyed) return false;
    return this.#streams < (this.#session.remoteSettings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY);
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#session.once('close', listener);
  }

  destroy(reason: unknown): void {
    this.#fault ??= reason;
    // With a code, or what is cut off looks complete.
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
    this.#dialled.socket.destroy();
  }

  /** @throws Lost */
  send(exchange: Exchange, plan: Plan): Promise<Head> {
    const { origin, clock } = this.#context;
    const { place } = this.#dialled;
    // It may have been stopped since its credentials were there.
    if (exchange.stopped !== undefined) return Promise.reject(exchange.stopped.reason);
    return new Promise((resolve, reject) => {
      const reused = this.#used;
      let stream: ClientHttp2Stream;
      try {
        stream = this.#request(plan);
      } catch (error) {
        // Nothing was sent: the connection is on its way out.
        this.#retire();
        return reject(new Lost(noAnswer(place, plan.title, error), true));
      }
      tellRequest({ origin: origin.name, method: plan.method, path: plan.path, protocol: 'h2' });
      this.hold();
      const ended = watchEnd(stream);
      const discard = (): void => {
        stream.close(constants.NGHTTP2_CANCEL);
        stream.destroy();
      };
      const settle = (): void => {
        cancel();
        off();
        // Node.js may have either on its way already.
        stream.removeListener('close', onClose);
        stream.removeListener('response', onResponse);
        this.release();
      };
      const onResponse = (headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void => {
        settle();
        resolve({
          status: Number(headers[':status']),
          headers: flat(headers),
          multiplexed: true,
          place,
          empty: stream.endAfterHeaders,
          source: stream,
          complete: ended,
          fault: () => this.#fault,
          discard,
          hold: () => this.hold(),
          release: () => this.release(),
        });
      };
      const onClose = (): void => {
        settle();
        const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        const failure = noAnswer(place, plan.title, this.#fault ?? stream.errored ?? brokenOff(stream));
        // Alone, a stream is reset because of its request; with the whole connection it was in the way of something else.
        const lost = refused || (reused && this.#session.destroyed);
        reject(lost ? new Lost(failure, refused) : failure);
      };
      const cancel = timeLimit(clock, plan.answerMs, true, () => {
        settle();
        discard();
        this.#retire();
        this.#guard.ask();
        reject(late(place, plan));
      });
      const off = exchange.onStop((reason) => {
        settle();
        discard();
        reject(reason);
      });
      // For good: an error without a listener ends the process. What it means is told at the close.
      stream.on('error', () => {});
      stream.once('close', onClose);
      stream.once('response', onResponse);
      if (plan.body !== undefined) stream.end(plan.body);
    });
  }

  /** While somebody waits, the process must stay. */
  hold(): void {
    if (this.#holds++ === 0 && !this.#session.destroyed) this.#session.ref();
  }

  release(): void {
    if (--this.#holds === 0 && !this.#session.destroyed) this.#session.unref();
  }

  #request(plan: Plan): ClientHttp2Stream {
    const { origin } = this.#context;
    const pseudo = {
      ':method': plan.method,
      ':scheme': 'https',
      ':authority': origin.authority,
      ':path': plan.path,
    };
    const stream = this.#session.request(
      { ...pseudo, ...plan.headers },
      { endStream: plan.body === undefined },
    );
    this.#used = true;
    if (this.#streams++ === 0) {
      this.#idle?.cancel();
      this.#guard.start();
    }
    stream.once('close', () => {
      if (--this.#streams === 0) this.#rest();
    });
    return stream;
  }

  /** Old requests go on; new ones go elsewhere. */
  #retire(): void {
    this.#retired = true;
    if (this.#streams === 0) this.destroy(undefined);
  }

  /** Without requests there is nothing to guard. */
  #rest(): void {
    this.#guard.pause();
    if (this.#retired) this.destroy(undefined);
    if (this.#session.destroyed) return;
    this.#idle = this.#context.clock.after(IDLE_MS, () => this.#retire());
  }
}

function deadError({ limits }: Context, { place }: Dialled, silentMs: number): Error {
  const what = `${placeName(place)} was silent for ${silentMs} ms`;
  const ping = `did not answer a ping within ${limits.pingTimeoutMs} ms (pingTimeoutMs)`;
  return failed(`${what} and ${ping}: it hangs, or the network is cut`);
}

function brokenOff(stream: ClientHttp2Stream): Error {
  return failed(`the stream was closed with code ${stream.rstCode ?? 'unknown'}`);
}
