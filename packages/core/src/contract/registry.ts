import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';
import type { Registrar } from './registrar.js';

/**
 * The canonical name of a service within one registry. All spellings of a name (`orders`, `orders.shop`,
 * `orders.shop.svc.cluster.local`) lead to one `key`: one settings row, one set of instances, one state.
 */
export interface ServiceRef {
  /** Canonical: the registry that located it writes it one way only. */
  readonly key: string;
  /** Which port of the service, by number or name, when the caller asked for one and the registry tells them apart. */
  readonly port?: number | string;
}

/** What a registry is asked to locate: a configured name, or the parts of a URL (host lower-cased, default port absent). */
export type Target = string | UrlTarget;

export interface UrlTarget {
  readonly scheme: 'http' | 'https';
  /** Lower-case, without brackets. */
  readonly host: string;
  /** Absent when the URL names none, or the scheme's default. */
  readonly port?: number;
  /** The services table may name this host: answer as for a configured name, also where a host of the Internet could be meant. */
  readonly configured?: boolean;
}

/** Who is calling: what zone-aware features need. Unknown parts stay absent. */
export interface Self {
  readonly service?: string;
  readonly zone?: string;
  readonly node?: string;
}

/**
 * What a registry can tell. The conformance kit chooses its rules by it, and `explain` and error messages read it,
 * so that nothing is promised which the backend cannot know.
 */
export interface Capabilities {
  /** Can tell "no such service" from "known, and empty at the moment". */
  readonly unknown: boolean;
  readonly zones?: boolean;
  readonly weights?: boolean;
  readonly priorities?: boolean;
  readonly draining?: boolean;
  /** Notices a gap in its stream of changes and resyncs atomically. */
  readonly resync?: boolean;
  /** Notices a connection that died in silence within this many milliseconds. */
  readonly silenceMs?: number;
  /** Reads its credentials again on each connect. */
  readonly credentials?: boolean;
}

/** Something about the data that costs an entry, or that a user should know, but no failure of the watch. */
export interface Problem {
  /** Stable and machine-readable, such as `bad-port` or `truncated`. */
  readonly code: string;
  /** One line for a person: what is wrong, and where. */
  readonly detail: string;
  /** The entry concerned: its id, name or position. */
  readonly entry?: string;
}

/** How a running watch speaks to the core. After `signal` aborts, every call is ignored. */
export interface Feed {
  readonly signal: AbortSignal;
  /**
   * The whole set, never a part; the latest wins. An empty list means: the service is known and has no instance.
   *
   * An endpoint that is published again as the same object is not read again if it is a plain object, frozen with its
   * metadata and hints: publish such ones where sets are large. Any other is read each time, as it may have changed.
   *
   * The set is in use when this returns; but one with thousands of entries to read is taken over a few turns of the event
   * loop later, as a whole, and what is said meanwhile after it.
   */
  publish(endpoints: readonly Endpoint[]): void;
  /** Authoritative: there is no such service. `reason` says where it was looked for. */
  unknown(reason: string): void;
  /** A skipped entry, a truncation: becomes an event and a counter. */
  report(problem: Problem): void;
}

/**
 * Where instances come from. One object serves every service of its backend; the discovery that opened it closes it.
 *
 * An adapter publishes whole sets and continues its own session (next poll, re-watch after a clean end). When the
 * backend fails it throws: waiting, retrying, keeping the last good set and logging are the core's work.
 */
export interface Registry {
  /** The sort of registry: `kubernetes`, `consul`, `file`. */
  readonly kind: string;
  /** Stable over restarts and free of secrets: `consul:https://c1:8501/dc1/team-a`. Keys stored sets and names the registry in errors. */
  readonly id: string;
  readonly supports: Capabilities;
  /**
   * The canonical reference of a configured name or a URL's host; `undefined` when the name is not this registry's.
   * Pure: no I/O, no state; called on the path of a call whose host was not seen before.
   *
   * @throws CrowflyError with code `bad-name` when the name is this registry's but cannot be meant
   */
  locate(target: Target): ServiceRef | undefined;
  /**
   * Feeds `feed` until `feed.signal` aborts, then settles. Settling earlier, either way, is a failure of the backend;
   * the core then waits (jittered exponential backoff shared by the whole registry) and calls again.
   *
   * @throws CrowflyError `denied` when the backend refuses our credentials or rights (401, 403): callers without a set
   *   then hear of it at once instead of waiting; anything else as it comes
   */
  watch(service: ServiceRef, feed: Feed): Promise<void>;
  /** Absent: instances do not register themselves here (Kubernetes does it for them, a file is written by someone). */
  readonly registrar?: Registrar;
  /** Ends what outlives a single watch: shared connections, file watchers. Called once, after every watch was aborted. */
  close?(): Promise<void>;
}

export interface RegistryContext {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  random(): number;
  readonly self: Self;
}

/** What a registry package exports: options in, factory out. A discovery opens each factory once. */
export type RegistryFactory = (context: RegistryContext) => Registry;
