import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const REQUESTS = ['http.client.request.start', 'undici:request:create'] as const;
/** Of requests over HTTP/2 Node tells nothing; `@crowfly/http` tells of all, so those over HTTP/1.1 would count twice. */
const REGISTRY_REQUESTS = 'crowfly:registry-request';
const SOCKETS = 'net.client.socket';
/** Socket handles are judged one by one (below): in a process that is the backend too, their number says nothing. */
const SOCKET_HANDLES = new Set(['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'TCPWRAP', 'PIPEWRAP', 'TLSWRAP']);

/** What Node itself, and the client for registries, tell of the requests and connections of this process. */
export class Traffic {
  #requests = 0;
  #connects = 0;
  readonly #sockets = new Set<Socket>();
  readonly #onRequest = (): void => {
    this.#requests++;
  };
  readonly #onRegistryRequest = (message: unknown): void => {
    if ((message as { protocol?: unknown }).protocol === 'h2') this.#requests++;
  };
  readonly #onSocket = (message: unknown): void => {
    this.#connects++;
    const { socket } = message as { socket: Socket };
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  start(): void {
    for (const name of REQUESTS) subscribe(name, this.#onRequest);
    subscribe(REGISTRY_REQUESTS, this.#onRegistryRequest);
    subscribe(SOCKETS, this.#onSocket);
  }

  stop(): void {
    for (const name of REQUESTS) unsubscribe(name, this.#onRequest);
    unsubscribe(REGISTRY_REQUESTS, this.#onRegistryRequest);
    unsubscribe(SOCKETS, this.#onSocket);
    this.#sockets.clear();
  }

  /** Requests so far; each connection counts as one at least. */
  get requests(): number {
    return Math.max(this.#requests, this.#connects);
  }

  /** Client connections that are open and keep the process alive. */
  connections(): ReadonlySet<Socket> {
    return new Set([...this.#sockets].filter((socket) => !socket.destroyed && keepsAlive(socket)));
  }
}

function keepsAlive(socket: Socket): boolean {
  const handle = (socket as { _handle?: { hasRef?(): boolean } | null })._handle;
  return handle?.hasRef?.() ?? true;
}

/** What keeps the process alive at this moment, sockets aside: how many of each sort. */
export function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const sort of process.getActiveResourcesInfo()) {
    if (!SOCKET_HANDLES.has(sort)) counts.set(sort, (counts.get(sort) ?? 0) + 1);
  }
  return counts;
}

/** The sorts of which there are more than `before`, such as `2 Timeout`. */
export function newResources(before: ReadonlyMap<string, number>): string[] {
  return [...activeResources()]
    .map(([sort, count]) => ({ sort, more: count - (before.get(sort) ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ sort, more }) => `${more} ${sort}`);
}
