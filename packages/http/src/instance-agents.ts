import type { ClientRequestArgs, Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { checkServerIdentity, type SecureContextOptions } from 'node:tls';
import type { Endpoint, Engine, Route } from '@crowfly/core';
import { http } from './node-http.js';
import { type Address, type Closable, createPerInstance, type PerInstance } from './per-instance.js';
import { tlsIdentity } from './tls-identity.js';

/** What TLS to instances uses: whom to trust, and who we are. Verification itself cannot be turned off. */
export type InstanceTls = Pick<
  SecureContextOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'ciphers' | 'minVersion' | 'maxVersion'
>;

export interface InstanceAgentsOptions {
  /** Default: the certificate authorities that Node.js trusts, no client certificate. */
  readonly tls?: InstanceTls;
  /**
   * How long an unused connection is kept, in milliseconds; a shorter time that the server announces (`Keep-Alive:
   * timeout=...`) wins. Default 4000: servers that announce nothing close theirs after some seconds, and a request that
   * meets that close fails.
   */
  readonly idleMs?: number;
}

/** Default of {@link InstanceAgentsOptions.idleMs}. */
const AGENT_IDLE_MS = 4_000;

type Connected = (error: Error | null, socket: Duplex) => void;

/**
 * Keep-alive agents of node:http, one per instance and identity, for clients that are built on it (axios).
 *
 * An agent connects to its instance whatever host the request names. So the URL, the `Host` header and the name that TLS
 * has to prove stay those that the caller wrote, and nothing has to be rewritten and restored.
 */
export class InstanceAgents implements Pick<Closable, 'close'> {
  readonly #agents: PerInstance<PlainAgent | TlsAgent>;

  constructor(engine: Pick<Engine, 'on'>, { tls = {}, idleMs = AGENT_IDLE_MS }: InstanceAgentsOptions = {}) {
    this.#agents = createPerInstance<PlainAgent | TlsAgent>(engine, {
      create: (address, identity) =>
        identity === '' ? new PlainAgent(address, idleMs) : new TlsAgent(address, idleMs, identity, tls),
    });
  }

  /**
   * The agent for calls of `route` to `endpoint`: TLS when the URL or the endpoint asks for it, so that an https endpoint
   * upgrades an http URL. The instance then has to prove the host name of the URL.
   *
   * @throws CrowflyError `closed` after `close()`
   */
  get(route: Route, endpoint: Endpoint): HttpAgent {
    return this.#agents.get(route.service, endpoint, tlsIdentity(route, endpoint) ?? '');
  }

  /** Agents that are open. */
  get size(): number {
    return this.#agents.size;
  }

  close(): Promise<void> {
    return this.#agents.close();
  }
}

class PlainAgent extends http.Agent implements Closable {
  readonly #address: Address;
  readonly #sockets = new OpenSockets();

  constructor(address: Address, idleMs: number) {
    super({ keepAlive: true, timeout: idleMs });
    this.#address = address;
  }

  override createConnection(options: ClientRequestArgs, callback?: Connected): Duplex | null | undefined {
    return this.#sockets.add(super.createConnection({ ...options, ...this.#address }, callback));
  }

  /** One name for whatever host a request names: all connections of this agent lead to the same place. */
  override getName(): string {
    return 'instance';
  }

  close(): Promise<void> {
    retire(this);
    return this.#sockets.none();
  }
}

class TlsAgent extends HttpsAgent implements Closable {
  readonly #address: Address;
  readonly #sockets = new OpenSockets();

  constructor(address: Address, idleMs: number, identity: string, tls: InstanceTls) {
    super({
      ...tls,
      keepAlive: true,
      timeout: idleMs,
      // An agent's own options win over those of a request: neither a Host header nor NODE_TLS_REJECT_UNAUTHORIZED has a
      // say. Sessions are resumed within one agent only, because a resumed one is not verified again.
      servername: identity,
      rejectUnauthorized: true,
      checkServerIdentity: (_, certificate) => checkServerIdentity(identity, certificate),
    });
    this.#address = address;
  }

  override createConnection(options: RequestOptions, callback?: Connected): Duplex | null | undefined {
    return this.#sockets.add(super.createConnection({ ...options, ...this.#address }, callback));
  }

  override getName(): string {
    return 'instance';
  }

  close(): Promise<void> {
    retire(this);
    return this.#sockets.none();
  }
}

/** Closes what is idle now, and what is busy as soon as it is free. `Agent.destroy` alone would end running calls. */
function retire(agent: HttpAgent): void {
  // Read by Node.js whenever a connection becomes free; not in its types.
  (agent as { keepAlive?: boolean }).keepAlive = false;
  for (const idle of Object.values(agent.freeSockets)) for (const socket of idle ?? []) socket.destroy();
}

/** Counts sockets from their making to their close. */
class OpenSockets {
  #count = 0;
  #waiting: (() => void)[] = [];

  add<S extends Duplex | null | undefined>(socket: S): S {
    if (!socket) return socket;
    this.#count++;
    socket.once('close', () => {
      if (--this.#count > 0) return;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
    return socket;
  }

  none(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
