import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { http } from '../node-http.js';
import type { Head } from './answer.js';
import { tellRequest } from './channels.js';
import { type Context, type Dialled, dial } from './dial.js';
import { late, noAnswer, type Place } from './errors.js';
import type { Exchange } from './exchange.js';
import { flat } from './flat.js';
import { IdleAgent } from './idle-agent.js';
import { Lost } from './lost.js';
import type { Plan } from './plan.js';
import { timeLimit } from './time-limit.js';

/** HTTP/1.1: a connection for each request under way, kept for the next one. */
export class Http1 {
  readonly #context: Context;
  readonly #agent: IdleAgent;
  readonly #open = new Map<Socket, Place>();
  /** Opened by somebody else, and not used yet. */
  #adopted: Dialled | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#agent = new IdleAgent(context.clock);
  }

  get connections(): number {
    return this.#open.size;
  }

  /** Takes a connection that was opened for whatever the server would speak. */
  adopt(dialled: Dialled): void {
    this.#adopted?.socket.destroy();
    this.#adopted = this.#own(dialled);
    this.#agent.keepSocketAlive(dialled.socket);
  }

  /** @throws Lost */
  send(exchange: Exchange, plan: Plan): Promise<Head> {
    const { origin, clock } = this.#context;
    return new Promise((resolve, reject) => {
      let socket: Socket | undefined;
      let heardBefore = 0;
      let settled = false;
      let unopened: { readonly error: unknown } | undefined;
      let cancel = (): void => {};
      let off = (): void => {};
      const place = (): Place => (socket && this.#open.get(socket)) ?? { origin };
      /** @returns whether this was the first */
      const settle = (): boolean => {
        if (settled) return false;
        settled = true;
        cancel();
        off();
        return true;
      };
      const message = http.request({
        agent: this.#agent,
        host: origin.host,
        port: origin.port,
        method: plan.method,
        path: plan.path,
        headers: { ...plan.headers, host: origin.authority },
        setHost: false,
        // Read by `IdleAgent`.
        ...{
          connect: () =>
            this.#connect(exchange).catch((error) => {
              unopened = { error };
              throw error;
            }),
        },
      });
      const giveUp = (reason: unknown): void => {
        if (!settle()) return;
        message.destroy();
        reject(reason);
      };
      off = exchange.onStop(giveUp);
      message.once('socket', (used: Socket) => {
        socket = used;
        heardBefore = used.bytesRead;
        if (settled) return;
        tellRequest({ origin: origin.name, method: plan.method, path: plan.path, protocol: 'h1' });
        cancel = timeLimit(clock, plan.answerMs, true, () => giveUp(late(place(), plan)));
      });
      message.once('response', (response: IncomingMessage) => {
        if (!settle()) return;
        // From here on it is the body's reader that keeps the process alive, or does not.
        socket?.unref();
        resolve(headOf(message, response, place(), plan));
      });
      const onError = (error: unknown): void => {
        if (!settle()) return;
        const failure = unopened === undefined ? noAnswer(place(), plan.title, error) : unopened.error;
        const unheard = socket !== undefined && socket.bytesRead === heardBefore;
        const lost = message.reusedSocket && unheard;
        // Whatever closed this one has closed the other idle ones too.
        if (lost) this.#agent.closeIdle();
        reject(lost ? new Lost(failure, false) : failure);
      };
      // For good: what comes after the head is told by the response.
      message.on('error', onError);
      // A switch of protocols that nobody asked for ends like this.
      message.once('close', () => onError(undefined));
      message.end(plan.body);
    });
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    const closed = [...this.#open.keys()].map((socket) => new Promise((done) => socket.once('close', done)));
    for (const socket of this.#open.keys()) socket.destroy();
    await Promise.all(closed);
  }

  async #connect(exchange: Exchange): Promise<Socket> {
    const adopted = this.#adopted;
    this.#adopted = undefined;
    if (adopted !== undefined && !adopted.socket.destroyed) {
      this.#agent.reuseSocket(adopted.socket);
      return adopted.socket;
    }
    return this.#own(await dial(this.#context, ['http/1.1'], exchange)).socket;
  }

  #own(dialled: Dialled): Dialled {
    const { socket, place } = dialled;
    this.#open.set(socket, place);
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#agent.forget(socket);
      if (this.#adopted?.socket === socket) this.#adopted = undefined;
    });
    return dialled;
  }
}

function headOf(message: ClientRequest, response: IncomingMessage, place: Place, plan: Plan): Head {
  const { socket } = message;
  const status = response.statusCode ?? 0;
  return {
    status,
    headers: flat(response.headers),
    multiplexed: false,
    place,
    empty:
      plan.method === 'HEAD' ||
      status === 204 ||
      status === 304 ||
      response.headers['content-length'] === '0',
    source: response,
    complete: () => response.complete,
    fault: () => undefined,
    discard: () => void message.destroy(),
    hold: () => void socket?.ref(),
    release: () => {
      // Complete, it belongs to the agent again, and perhaps to the next request.
      if (!response.complete) socket?.unref();
    },
  };
}
