import type { Agent, ClientRequest } from 'node:http';
import type { LookupFunction } from 'node:net';

/** Where a request goes, as Node.js tells an agent: after all defaults, the host without brackets. */
export interface HopOptions {
  readonly host: string;
  readonly port: number | string;
  readonly family?: number;
  readonly lookup?: LookupFunction;
}

export type Scheme = 'http' | 'https';

/** Takes over a request that has no connection yet. */
export type Hop = (request: ClientRequest, options: HopOptions, scheme: Scheme) => void;

/**
 * What a request gets as its `agent`: no pool, but a place to decide where this one request goes. Node.js asks for nothing
 * but `addRequest` of an agent, which it calls once for every request, and so for every redirect that is followed. The
 * name is not in its documentation; all agents outside Node.js have relied on it for years, and the tests here run on
 * every supported version.
 */
export class HopAgent {
  readonly protocol: 'http:' | 'https:';
  readonly defaultPort: number;
  /** As the agents behind: Node.js then offers the server to keep the connection. */
  readonly keepAlive = true;
  readonly maxSockets = Number.POSITIVE_INFINITY;
  readonly #hop: Hop;
  readonly #scheme: Scheme;

  constructor(scheme: Scheme, hop: Hop) {
    this.protocol = `${scheme}:`;
    this.defaultPort = scheme === 'https' ? 443 : 80;
    this.#scheme = scheme;
    this.#hop = hop;
  }

  addRequest(request: ClientRequest, options: HopOptions): void {
    this.#hop(request, options, this.#scheme);
  }
}

/** Hands a request to an agent of Node.js. */
export function dispatch(agent: Agent, request: ClientRequest, options: object): void {
  (agent as unknown as { addRequest(request: ClientRequest, options: object): void }).addRequest(
    request,
    options,
  );
}

/** Ends a request that gets no connection. `request.destroy` alone would leave it silent: it reports through its socket. */
export function refuse(request: ClientRequest, error: unknown): void {
  (request as unknown as { onSocket(socket: null, error: unknown): void }).onSocket(null, error);
}
