import { subscribe, unsubscribe } from 'node:diagnostics_channel';

interface Sent {
  readonly origin: string;
  readonly path: string;
  readonly protocol: string;
}

const REQUEST = 'crowfly:registry-request';
const CONNECT = 'crowfly:registry-connect';

/** What adapters send to one API server (or the proxy in front of it), as the http client tells it to Node. */
export class Traffic {
  /** Paths with their queries, in order. */
  readonly requests: string[] = [];
  readonly protocols = new Set<string>();
  connections = 0;
  readonly #onRequest = (message: unknown): void => {
    const { origin, path, protocol } = message as Sent;
    if (origin !== this.#origin) return;
    this.requests.push(path);
    this.protocols.add(protocol);
  };
  readonly #onConnect = (message: unknown): void => {
    if ((message as Sent).origin === this.#origin) this.connections++;
  };
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
    subscribe(REQUEST, this.#onRequest);
    subscribe(CONNECT, this.#onConnect);
  }

  /** Of instances. */
  get watches(): readonly string[] {
    return this.requests.filter((path) => path.includes('watch=1'));
  }

  /** Of instances. */
  get lists(): readonly string[] {
    return this.requests.filter(
      (path) => /\/(endpointslices|endpoints)(\?|$)/.test(path) && !path.includes('watch=1'),
    );
  }

  /** Of a Service object. */
  get services(): readonly string[] {
    return this.requests.filter((path) => /\/services\//.test(path));
  }

  stop(): void {
    unsubscribe(REQUEST, this.#onRequest);
    unsubscribe(CONNECT, this.#onConnect);
  }
}
