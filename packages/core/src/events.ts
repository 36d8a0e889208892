import { channel } from 'node:diagnostics_channel';
import type { Endpoint } from './contract/endpoint.js';
import type { Instance } from './contract/registrar.js';
import type { Problem } from './contract/registry.js';

interface About {
  /** Canonical key of the service. */
  readonly service: string;
  /** Id of its registry. */
  readonly registry: string;
}

/**
 * What happens inside a discovery. Subscribe with `discovery.on(name, listener)`, or process-wide on the
 * node:diagnostics_channel `crowfly:<name>`.
 */
export interface Events {
  /** The set of instances changed (or was delivered for the first time). Counts are numbers of instances. */
  snapshot: About & { version: number; endpoints: number; added: number; removed: number; changed: number };
  /** The registry skipped an entry, or something about its data should be known. */
  problem: About & Problem;
  /** The registry fails; the last good set stays in use. Once per outage. */
  stale: About & { cause: unknown };
  /** The registry fails and never delivered a set. Once per outage. */
  failed: About & { cause: unknown };
  /** The registry delivers again after `stale` or `failed`, and has done so for a second. `outageMs`: how long the outage lasted. */
  recovered: About & { outageMs: number };
  /** The registry says that the service does not exist. */
  unknown: About & { reason: string };
  /** A large part of a healthy set vanished at once: `held` instances stay in use for up to `holdMs`. */
  guard: About & { held: number; of: number; holdMs: number };
  /** An instance gets no new calls until it proves that it is back. `probeMs`: when it is asked first. */
  ejected: About & { endpoint: Endpoint; evidence: 'hard' | 'soft'; reason: string; probeMs: number };
  /** An ejected instance is back. `ejectedMs`: how long it was out. */
  restored: About & { endpoint: Endpoint; ejectedMs: number };
  /** An instance left the set and its last call has ended: its connections can be closed. */
  left: About & { endpoint: Endpoint };
  /** A try failed and another instance is tried. `attempt`: the number of the new try, from 1. */
  retry: About & { endpoint: Endpoint; attempt: number; reason: string };
  /** `discovery.register` was called. `foundBy`: where the host comes from; `doubt`: why others may not reach it. */
  registering: About & { instance: Instance; foundBy: string; doubt?: string };
  /** The instance stands in the registry; `again`: it had been there, and the registry had forgotten it. */
  registered: About & { instance: Instance; again: boolean };
  /** It could not be registered, renewed or taken out. It is tried on; once until `registration-recovered`. */
  'registration-failed': About & { instance: Instance; cause: unknown };
  'registration-recovered': About & { instance: Instance; outageMs: number };
  /** The instance is gone from the registry; or, with `cause`, that could not be said, and the registry drops it when its heartbeats are missing. */
  deregistered: About & { instance: Instance; cause?: unknown };
  /** A strategy answered with a member that it may not pick, or threw; the core chose instead. */
  mispick: About & { reason: string };
}

export type EventName = keyof Events;
export type Listener<N extends EventName> = (event: Events[N]) => void;

/** Where warnings go: once per change of state, never per call. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
}

/** Typed events of one discovery. A listener that throws never harms a call: its error is logged once. */
export class EventHub {
  readonly #listeners = new Map<EventName, Set<(event: never) => void>>();
  readonly #logger: Logger;
  #complained = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @returns a function that ends the subscription */
  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    // A wrapper of its own, so that one function subscribed twice is two subscriptions.
    const entry = (event: Events[N]) => listener(event);
    set.add(entry);
    return () => set.delete(entry);
  }

  emit<N extends EventName>(name: N, event: Events[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(event as never);
      } catch (error) {
        this.complain(`on('${name}')`, error);
      }
    }
    const published = channel(`crowfly:${name}`);
    if (published.hasSubscribers) published.publish(event);
  }

  clear(): void {
    this.#listeners.clear();
  }

  /** A user's callback threw: said once, as it may happen per call. */
  complain(where: string, error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    const text = error instanceof Error ? error.message : typeof error;
    try {
      this.#logger.warn(
        `a listener given to ${where} threw (${text}); further errors of listeners are not logged`,
      );
    } catch {
      // The logger itself is what throws: there is nowhere left to say so, and a call must not pay for it.
    }
  }
}
