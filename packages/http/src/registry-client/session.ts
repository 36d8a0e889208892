import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Timer } from '@crowfly/core';
import type { Head } from './answer.js';
import { tellRequest } from './channels.js';
import type { Context, Dialled, Stoppable } from './dial.js';
import { connectError, failed, late, noAnswer, placeName } from './errors.js';
import type { Exchange } from './exchange.js';
import { flat } from './http1.js';
import { Lost } from './lost.js';
import type { Plan } from './plan.js';
import { timeLimit } from './time-limit.js';

/** How much of one body the server may send before it is read, in bytes. */
const STREAM_WINDOW = 1024 * 1024;
/** How long a connection without requests is kept, in milliseconds. */
const IDLE_MS = 30_000;

/** One HTTP/2 connection, and the requests on it. */
export class Session {
  readonly #context: Context;
  readonly #dialled: Dialled;
  readonly #session: ClientHttp2Session;
  #streams = 0;
  #holds = 0;
  #used = false;
  /** No new requests: the server said so, or it failed to answer one. */
  #retired = false;
  #closed = false;
  /** Why it ended, once it has. */
  #fault: unknown;
  #timer: Timer | undefined;
  #heardBytes = 0;
  #heardAt: number;
  #cancelPing: (() => void) | undefined;

  private constructor(context: Context, dialled: Dialled) {
    this.#context = context;
    this.#dialled = dialled;
    this.#heardAt = context.clock.now();
    const session = connect(context.origin.name, {
      createConnection: () => dialled.socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW },
    });
    this.#session = session;
    session.on('error', (error) => this.destroy(error));
    // Left to itself, a session whose TLS fails ends its socket, and waits for the peer to do so too.
    dialled.socket.on('error', (error) => this.destroy(error));
    session.on('goaway', () => this.#retire());
    session.once('close', () => {
      this.#closed = true;
      this.#retired = true;
      this.#timer?.cancel();
      this.#cancelPing?.();
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
        stream.removeListener('close', onClose);
        this.release();
      };
      const onClose = (): void => {
        settle();
        const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
        const failure = noAnswer(place, plan.title, this.#fault ?? stream.errored ?? brokenOff(stream));
        reject(refused || reused ? new Lost(failure, refused) : failure);
      };
      const cancel = timeLimit(clock, plan.answerMs, true, () => {
        settle();
        discard();
        this.#suspect();
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
      stream.once('response', (headers) => {
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
      });
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
    if (this.#streams++ === 0) this.#guard();
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

  #suspect(): void {
    this.#retire();
    this.#ping();
  }

  /** From the first request on: whether the server is still there. */
  #guard(): void {
    const { clock, limits } = this.#context;
    this.#timer?.cancel();
    const look = (): void => {
      this.#listen();
      if (clock.now() - this.#heardAt >= limits.pingMs) this.#ping();
      this.#timer = clock.after(limits.pingMs / 2, look);
    };
    look();
  }

  /** Without requests there is nothing to guard. */
  #rest(): void {
    this.#timer?.cancel();
    if (this.#retired) this.destroy(undefined);
    if (this.#session.destroyed) return;
    this.#listen();
    this.#timer = this.#context.clock.after(IDLE_MS, () => this.#retire());
  }

  /** @returns whether anything was received since the last time */
  #listen(): boolean {
    const { bytesRead } = this.#dialled.socket;
    if (bytesRead === this.#heardBytes) return false;
    this.#heardBytes = bytesRead;
    this.#heardAt = this.#context.clock.now();
    return true;
  }

  #ping(): void {
    if (this.#cancelPing !== undefined || this.#session.destroyed) return;
    const { clock, limits } = this.#context;
    this.#listen();
    const cancel = timeLimit(clock, limits.pingTimeoutMs, false, () => {
      this.#cancelPing = undefined;
      if (this.#listen()) return;
      const silentMs = Math.round(clock.now() - this.#heardAt);
      const where = placeName(this.#dialled.place);
      const what = `${where} was silent for ${silentMs} ms and did not answer a ping within ${limits.pingTimeoutMs} ms`;
      this.destroy(failed(`${what}: it hangs, or the network is cut`));
    });
    this.#cancelPing = cancel;
    this.#session.ping(() => {
      cancel();
      if (this.#cancelPing === cancel) this.#cancelPing = undefined;
    });
  }
}

/**
 * Whether the server itself ended the body. To a reader a stream ends in the same way when it, or its connection, is
 * closed without an error code in the middle of the body: Node.js then pushes the end itself, once `closed` is set.
 */
function watchEnd(stream: ClientHttp2Stream): () => boolean {
  let pushes = 0;
  let ended = false;
  const push = stream.push;
  stream.push = (chunk, encoding) => {
    pushes++;
    if (chunk === null && !stream.closed) ended = true;
    return push.call(stream, chunk, encoding);
  };
  // A Node.js that does not push to its streams would make every answer look broken.
  return () => ended || (pushes === 0 && stream.rstCode === constants.NGHTTP2_NO_ERROR);
}

function brokenOff(stream: ClientHttp2Stream): Error {
  return failed(`the stream was closed with code ${stream.rstCode ?? 'unknown'}`);
}
