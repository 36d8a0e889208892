import type { Http2Session } from 'node:http2';

/** The highest stream there can be: whatever the client has sent by now will be answered. */
const ANY_STREAM = 2 ** 31 - 1;

/** The HTTP/2 sessions of a server. Their clients are told by GOAWAY, where HTTP/1.1 has `Connection: close`. */
export class Sessions {
  readonly #all = new Set<Http2Session>();
  #leaving = false;

  add(session: Http2Session): void {
    this.#all.add(session);
    session.once('close', () => this.#all.delete(session));
    // A client that has only just connected is to get its first answer.
    if (this.#leaving) session.once('stream', () => notice(session));
  }

  /** Says that no new requests should be sent, and answers those that come all the same. */
  leave(): void {
    this.#leaving = true;
    for (const session of this.#all) notice(session);
  }

  /** Takes no new requests; each session ends with its last answer. */
  close(): void {
    for (const session of this.#all) session.close();
  }

  destroy(): void {
    for (const session of this.#all) session.destroy();
  }
}

function notice(session: Http2Session): void {
  if (!session.closed && !session.destroyed) session.goaway(0, ANY_STREAM);
}
