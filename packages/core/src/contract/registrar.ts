import type { Protocol } from './endpoint.js';

/** How a registry learns that an instance lives. */
export type Liveness =
  /** We say so, again and again; without a word for `ttlMs` the registry takes the instance for dead. */
  | { readonly kind: 'heartbeat'; readonly ttlMs: number }
  /** The registry asks the instance: a GET of this path must be answered with a 2xx status. */
  | { readonly kind: 'http'; readonly path: string; readonly intervalMs: number; readonly timeoutMs: number }
  /** The registry connects to the instance. */
  | { readonly kind: 'tcp'; readonly intervalMs: number; readonly timeoutMs: number };

/** What an instance says of itself with each heartbeat. `critical`: alive, but not to be called. */
export type Health = 'passing' | 'warning' | 'critical';

/** How an instance stands at the moment. `draining`: it leaves, and takes no new call while others are left. */
export interface Standing {
  readonly health: Health;
  readonly state: 'up' | 'draining';
}

/** One instance of ours as it is to stand in a registry: plain data, frozen and checked by the core. */
export interface Instance {
  /** The canonical key that the same registry's `locate` gives for the name: what was registered can be found. */
  readonly service: string;
  /** Unique within the registry. */
  readonly id: string;
  /** An IP address (IPv6 without brackets) or a DNS name, as callers are to use it. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  readonly protocol?: Protocol;
  readonly zone?: string;
  readonly node?: string;
  readonly weight?: number;
  readonly version?: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly liveness: Liveness;
  /** For how long the registry keeps an instance that it takes for dead. */
  readonly deregisterAfterMs: number;
}

/** Of one request to the registry. */
export interface Io {
  /** Aborts when the answer takes too long, or nobody needs it any more. */
  readonly signal: AbortSignal;
}

/**
 * How instances get into a registry. Primitives only, each one request or a few; the core owns loops, waiting, jitter,
 * order (one primitive at a time for an instance), and that an instance is deregistered exactly once.
 *
 * Each primitive throws as `watch` does: `denied` when the registry refuses our credentials or rights, `bad-option` when
 * it can never take this instance (nothing of it is registered then), anything else as it comes: it is tried again.
 */
export interface Registrar {
  /** After which time every client of the registry has heard of a change; so long a leaving instance goes on serving. */
  readonly propagationMs: number;
  /**
   * Refuses what this registry cannot hold, before any request. Pure.
   *
   * @throws CrowflyError `bad-option`, with the path of the option, such as `register.tags[0]`
   */
  check(instance: Instance): void;
  /** How often `renew` is to be called: a third of the TTL for heartbeats, else how soon it is noticed that we were forgotten. */
  renewMs(instance: Instance): number;
  /** Idempotent: the instance stands as described, and as `standing` says from the first moment, whatever stood there. */
  register(instance: Instance, standing: Standing, io: Io): Promise<void>;
  /** Says that the instance lives, or asks whether it is still known; `forgotten`: it has to be registered again. */
  renew(instance: Instance, standing: Standing, io: Io): Promise<'ok' | 'forgotten'>;
  /**
   * Takes the instance out of rotation, or back. It stays registered, and stays out when it is renewed.
   * Absent: this registry has no such state; leaving is deregistering.
   */
  setState?(instance: Instance, state: 'up' | 'draining', io: Io): Promise<'ok' | 'forgotten'>;
  /** Idempotent: an instance that is not there is no error. */
  deregister(instance: Instance, io: Io): Promise<void>;
}
