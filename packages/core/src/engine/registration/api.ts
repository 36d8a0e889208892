import type { Protocol } from '../../contract/endpoint.js';
import type { Health, Instance } from '../../contract/registrar.js';
import type { RegistryFactory } from '../../contract/registry.js';

/** How the registry learns that the instance lives. Defaults: DEFAULTS.registration. */
export type CheckOptions =
  /** We tell the registry, at a third of the TTL. */
  | { readonly ttlMs?: number }
  /** The registry asks the instance: a path such as `/health`, answered with a 2xx status. */
  | { readonly http: string; readonly intervalMs?: number; readonly timeoutMs?: number }
  /** The registry connects to the instance. */
  | { readonly tcp: true; readonly intervalMs?: number; readonly timeoutMs?: number };

export interface RegisterOptions {
  /** A name that the registry locates, as callers use it. */
  readonly service: string;
  /** Where the instance listens, 1 to 65535. */
  readonly port: number;
  /**
   * Where callers reach this machine: an IP address or a DNS name. Default: found, see `Registration.foundBy`; an
   * address that others cannot be expected to reach (loopback, link-local, a container bridge) is never taken silently.
   */
  readonly host?: string;
  /** Unique within the registry. Default: service, host, port and something random, so that a restart is a new instance. */
  readonly id?: string;
  readonly protocol?: Protocol;
  /** Default: the discovery's `self.zone`. */
  readonly zone?: string;
  /** Default: the discovery's `self.node`. */
  readonly node?: string;
  /** Default 1. */
  readonly weight?: number;
  readonly version?: string;
  readonly tags?: readonly string[];
  readonly metadata?: Readonly<Record<string, string>>;
  /** Default: heartbeats. */
  readonly check?: CheckOptions;
  /** Asked before each heartbeat; an error or no answer in time is `critical`. Default: always `passing`. */
  readonly health?: () => Health | Promise<Health>;
  /** For how long the registry keeps an instance that it takes for dead. Default: DEFAULTS.registration. */
  readonly deregisterAfterMs?: number;
  /** How long `drain` goes on serving. Default: what the registry says that clients need to hear of it. */
  readonly propagationMs?: number;
  /** Default: the registry of the service's row, else the discovery's. */
  readonly registry?: RegistryFactory;
}

/**
 * - `registering`: not in the registry yet; it is tried until it succeeds
 * - `registered`: there, and renewed
 * - `failing`: it was there, and the registry does not answer: it is tried until it does
 * - `draining`: leaving: out of rotation, or as good as
 * - `closed`: deregistered, or given up
 */
export type RegistrationState = 'registering' | 'registered' | 'failing' | 'draining' | 'closed';

/** One instance in a registry, kept there until it is closed. */
export interface Registration {
  readonly state: RegistrationState;
  /** What stands, or is to stand, in the registry. */
  readonly instance: Instance;
  /** How `instance.host` was found: one line for a person. */
  readonly foundBy: string;
  /** Why the state is `registering` or `failing`: what the registry said last. */
  readonly error?: unknown;
  /**
   * Resolves once the instance stands in the registry.
   *
   * @throws CrowflyError `denied`, `bad-option` at once when waiting cannot mend it; `timeout` otherwise; `closed`. The
   *   registration goes on trying in any case
   */
  ready(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Leaves rotation, and resolves when every client has had the time to hear of it: go on serving until then. Idempotent. */
  drain(): Promise<void>;
  /** Deregisters, once; no heartbeat follows. Resolves within `limits.closeMs`, and never rejects. Idempotent. */
  close(): Promise<void>;
}
