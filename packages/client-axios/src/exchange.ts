import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Lease, Outcome } from '@crowfly/core';
import { parseRetryAfter, stallSafeTimer } from '@crowfly/http';

export interface ExchangeEvents {
  /** The head arrived. Called after axios and its redirects have seen it: a destroyed response is one they moved on from. */
  head(exchange: Exchange, response: IncomingMessage): void;
  /** Whether it was on our side that the try ended. */
  ended(): boolean;
}

/** One request on the wire, watched from the moment an agent gets it to the end of its answer. */
export class Exchange {
  readonly request: ClientRequest;
  /** The instance it goes to; `undefined`: it goes to no service. */
  readonly lease: Lease | undefined;
  /** Whether there is a connection, so that the instance may have seen the request. */
  connected = false;
  /** Whether the caller gets the answer: the lease then ends with its body, however that ends. */
  taken = false;
  readonly #events: ExchangeEvents;

  constructor(request: ClientRequest, lease: Lease | undefined, connectMs: number, events: ExchangeEvents) {
    this.request = request;
    this.lease = lease;
    this.#events = events;
    if (lease !== undefined) request.once('socket', (socket) => this.#watchConnecting(socket, connectMs));
    request.once('response', (response) => events.head(this, response));
  }

  /**
   * The answer is what the caller gets: its latency is known, and the try ends with its body.
   *
   * @param streamed whether the caller reads the body itself, or forgets to
   * @returns the wait that the answer asks for
   */
  answered(response: IncomingMessage, streamed: boolean): number | undefined {
    this.taken = true;
    const { lease } = this;
    if (lease === undefined) return undefined;
    const retryAfterMs = parseRetryAfter(response.headers['retry-after']);
    lease.responded(response.statusCode ?? 0, retryAfterMs);
    let over = false;
    const end = (): void => {
      if (!over) lease.done(this.#bodyOutcome(response));
      over = true;
    };
    response.once('end', end);
    response.once('close', end);
    if (streamed) watchBody(response, lease);
    return retryAfterMs;
  }

  /** The answer was a redirect that left the instance, or one too many. */
  moved(status: number): void {
    this.lease?.responded(status);
    this.lease?.done({ kind: 'answered' });
  }

  #bodyOutcome({ complete, errored }: IncomingMessage): Outcome {
    if (complete) return { kind: 'answered' };
    if (isNetworkError(errored) && !this.#events.ended()) return { kind: 'body-broken', error: errored };
    return { kind: 'canceled' };
  }

  #watchConnecting(socket: Socket, connectMs: number): void {
    const { request } = this;
    if (request.reusedSocket) {
      this.connected = true;
      return;
    }
    const cancel = stallSafeTimer(connectMs, () => {
      const error = new Error(`no connection within ${connectMs} ms`);
      request.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    });
    request.once('close', cancel);
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => {
      cancel();
      this.connected = true;
    });
  }
}

/** Tells of each part that arrives: none does while a reader is too slow, or missing. */
function watchBody(response: IncomingMessage, lease: Lease): void {
  const { socket } = response;
  const moved = (): void => lease.progress();
  socket.on('data', moved);
  response.once('close', () => socket.off('data', moved));
  // What came along with the head is there when it has been dealt with.
  process.nextTick(() => {
    if (response.readableLength > 0) moved();
  });
}

/** Whether a body broke off: the names of system errors, and those of the HTTP parser. */
function isNetworkError(error: Error | null): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && /^(E[A-Z]+|HPE_\w+)$/.test(code);
}
