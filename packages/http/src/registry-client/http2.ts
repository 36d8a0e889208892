import type { Head } from './answer.js';
import { type Context, dial } from './dial.js';
import { failed } from './errors.js';
import { closedError, type Exchange, Stoppable } from './exchange.js';
import type { Http1 } from './http1.js';
import type { Plan } from './plan.js';
import { Session } from './session.js';

/** HTTP/2 where the server picks it, on as few connections as it allows; else HTTP/1.1. */
export class Http2 {
  readonly #context: Context;
  readonly #http1: Http1;
  readonly #sessions = new Set<Session>();
  #opening: Opening | undefined;

  constructor(context: Context, http1: Http1) {
    this.#context = context;
    this.#http1 = http1;
  }

  get connections(): number {
    return this.#sessions.size + this.#http1.connections;
  }

  /** @throws Lost */
  async send(exchange: Exchange, plan: Plan): Promise<Head> {
    for (;;) {
      // What the server speaks is asked again when no connection is left: it may be another one by then.
      if (this.#http1.connections > 0) return this.#http1.send(exchange, plan);
      for (const session of this.#sessions) if (session.free) return session.send(exchange, plan);
      await this.#open(exchange);
    }
  }

  async close(): Promise<void> {
    const closed = [...this.#sessions].map((session) => new Promise<void>((done) => session.onClose(done)));
    for (const session of this.#sessions) session.destroy(closedError(this.#context.origin.name));
    await Promise.all([this.#http1.close(), ...closed]);
  }

  /** One more connection, for all who need one now. It is given up when none of them wants it any more. */
  #open(exchange: Exchange): Promise<void> {
    const opening = this.#opening ?? new Opening();
    if (this.#opening === undefined) {
      this.#opening = opening;
      opening.done = this.#connect(opening).finally(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
      opening.done.catch(() => {});
    }
    opening.waiting++;
    return new Promise((resolve, reject) => {
      const off = exchange.onStop((reason) => {
        reject(reason);
        if (opening.leave(reason) && this.#opening === opening) this.#opening = undefined;
      });
      opening.done.then(resolve, reject).finally(off);
    });
  }

  async #connect(opening: Opening): Promise<void> {
    const dialled = await dial(this.#context, ['h2', 'http/1.1'], opening);
    if (dialled.protocol === 'h1') return this.#http1.adopt(dialled);
    const session = await Session.open(this.#context, dialled, opening);
    if (!session.free) {
      const failure = failed(`${this.#context.origin.name} takes no requests on a new connection`);
      session.destroy(failure);
      throw failure;
    }
    this.#sessions.add(session);
    session.onClose(() => this.#sessions.delete(session));
  }
}

/** A connection that is being opened, stopped by the last one who waits for it. */
class Opening extends Stoppable {
  done: Promise<void> = Promise.resolve();
  waiting = 0;

  /** @returns whether that was the last one who waited */
  leave(reason: unknown): boolean {
    if (--this.waiting > 0) return false;
    this.stop(reason);
    return true;
  }
}
