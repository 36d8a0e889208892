import type { Lease, Transport } from '../contract/call.js';
import type { Clock } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { RegistryFactory, Self } from '../contract/registry.js';
import type { Snapshot } from '../contract/snapshot.js';
import type { Strategy } from '../contract/strategy.js';
import type { EventName, Listener, Logger } from '../events.js';
import type { DiscoveryHealth } from './discovery-health.js';
import type { ConnectProbe } from './health.js';
import type { RegisterOptions, Registration } from './registration/api.js';

/** Time limits of one call, in milliseconds. Defaults: {@link DEFAULTS}.timeouts. */
export interface Timeouts {
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly totalMs: number;
}

/** Defaults: {@link DEFAULTS}.retry. */
export interface RetryOptions {
  readonly attempts: number;
  readonly statuses: readonly number[];
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

/** Defaults: {@link DEFAULTS}.ejection. */
export interface EjectionOptions {
  readonly connectFailures: number;
  readonly resets: number;
  readonly timeouts: number;
  readonly gatewayErrors: number;
  readonly serverErrors: number;
  readonly maxShare: number;
  readonly panicShare: number;
  readonly stallMs: number;
  readonly probeMs: number;
  readonly probeMaxMs: number;
}

/** Defaults: {@link DEFAULTS}.guard. */
export interface GuardOptions {
  readonly maxLossShare: number;
  readonly holdMs: number;
}

/** How calls to a service behave: one row, or the defaults of all rows. */
export interface Behaviour {
  readonly strategy?: Strategy;
  readonly timeouts?: Partial<Timeouts>;
  readonly retry?: Partial<RetryOptions>;
  readonly ejection?: Partial<EjectionOptions>;
  readonly guard?: Partial<GuardOptions>;
  /** Default: {@link DEFAULTS}.topology. */
  readonly topology?: 'hints' | 'ignore';
}

/** One row of the `services` table. */
export interface ServiceOptions extends Behaviour {
  /** Where this service's instances come from, when not from the discovery's registry. */
  readonly registry?: RegistryFactory;
  /** Fixed instances instead of a registry: origins such as `http://localhost:3001`. For a laptop, for tests. */
  readonly url?: string | readonly string[];
}

export interface Limits {
  readonly firstSetMs: number;
  readonly maxServices: number;
  readonly maxEndpoints: number;
  readonly closeMs: number;
}

export interface EngineOptions<Name extends string = string> {
  /** Where instances come from, unless a row of `services` says otherwise. */
  readonly registry?: RegistryFactory;
  /** Per service, over `defaults`. A name in this table is a service, whatever it looks like. */
  readonly services?: { readonly [N in NoInfer<Name>]?: ServiceOptions };
  readonly defaults?: Behaviour;
  /**
   * Which host names are services. Default: those in `services`, those that the registry claims, and single-label
   * names other than `localhost`. A list holds exact hosts and `*.suffix` patterns, beside those in `services`; a
   * function may answer `undefined` for "as by default". IP addresses and `localhost` are never services.
   */
  readonly match?: readonly string[] | ((host: string) => boolean | undefined);
  /**
   * Who is calling, and where it runs: given to registries, and what topology hints are compared with. A field that is
   * absent is read from `CROWFLY_SELF_SERVICE`, `CROWFLY_SELF_ZONE`, `CROWFLY_SELF_NODE` in `env`.
   */
  readonly self?: Self;
  /** Where warnings go. Default: the console. `false`: nowhere. */
  readonly logger?: Logger | false;
  readonly limits?: Partial<Limits>;
  /** Read for overrides such as `CROWFLY_ORDERS=http://localhost:3001`, and for `self`. Default `process.env`; `false`: not at all. */
  readonly env?: Readonly<Record<string, string | undefined>> | false;
  /** Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
  /** Asks an ejected instance whether it accepts connections again. Default: a TCP connect that is closed at once. */
  readonly probe?: ConnectProbe;
}

/** What a caller may say about one call; clients take it as `crowfly: { ... }` beside their own options. */
export interface CallOptions {
  /**
   * Whether executing the request twice does no harm. Default: the method is GET, HEAD, OPTIONS, TRACE, PUT or DELETE,
   * or the request carries an `Idempotency-Key` header.
   */
  readonly idempotent?: boolean;
  /** Equal keys go to the same instance under hash strategies; none of ours is one yet. */
  readonly key?: string;
  readonly timeouts?: Partial<Timeouts>;
  /** Tries in all; 1 forbids any retry. */
  readonly attempts?: number;
}

/** One call as a client describes it to the engine. */
export interface CallRequest extends CallOptions {
  readonly idempotent: boolean;
  /** Whether the body can be sent again. */
  readonly replayable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A service as one URL names it: which instances qualify, and what the caller wrote. Opaque but for these facts. */
export interface Route {
  readonly scheme: 'http' | 'https';
  /** Host and port as written in the URL: the value of the Host header, and the identity that TLS must prove. */
  readonly authority: string;
  readonly hostname: string;
  /** Canonical key of the service. */
  readonly service: string;
}

/** Why an instance is or is not being chosen right now. */
export interface InstanceExplanation {
  readonly endpoint: Endpoint;
  readonly state: 'eligible' | 'standby' | 'draining' | 'ejected' | 'unsuitable';
  /** One line for a person. */
  readonly why: string;
  readonly inFlight: number;
  readonly weight: number;
  /** Moving average of the time to the first byte; absent before the first answer. */
  readonly latencyMs?: number;
  /** Tries since the instance is known, and its share of the service's. */
  readonly picks: number;
  readonly share: number;
}

export interface Explanation {
  readonly service: string;
  readonly registry: string;
  readonly strategy: string;
  readonly status: Snapshot['status'];
  /** One line: where the set comes from, and how fresh it is. */
  readonly summary: string;
  readonly instances: readonly InstanceExplanation[];
  /** Other ports of the same service that are in use: each has a set, a state and instances of its own. */
  readonly otherPorts: readonly string[];
  /** The whole as readable text. */
  toString(): string;
}

export interface AcquireOptions {
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/** Service discovery and choice of instances, without any client: what clients and adapters build on. */
export interface Engine<Name extends string = string> {
  /**
   * The service that a URL names; `undefined` when it names none and must pass through untouched. Synchronous and cached.
   *
   * @throws CrowflyError `bad-name`: user info in a service URL, a name that its registry cannot mean
   */
  route(url: URL): Route | undefined;
  /**
   * One call: choose, send, classify, retry elsewhere, within one deadline.
   *
   * @returns the answer of the last try, whatever its status
   * @throws CrowflyError when no try was answered; the signal's reason when the caller aborted; the transport's error as
   *   it is when it is `fatal`
   */
  call<T>(route: Route, request: CallRequest, transport: Transport<T>): Promise<T>;
  /** One instance for one try, for clients of your own: report `responded` and `done`, or it counts as busy for ever. */
  acquire(target: Name | Route, options?: AcquireOptions): Promise<Lease>;
  /**
   * Waits until each service has a set (an empty one counts), so that a process can warm up before it serves. Default:
   * all rows of `services`.
   *
   * @throws CrowflyError naming the first service that has none in time
   */
  ready(names?: readonly Name[], options?: { readonly timeoutMs?: number }): Promise<void>;
  /** The instances of a service as its registry describes them; waits for the first set. */
  instances(name: Name): Promise<readonly Endpoint[]>;
  /** Calls `listener` with the current snapshot at once, then with each change. @returns a function that ends it */
  watch(name: Name, listener: (snapshot: Snapshot) => void): () => void;
  /** Why each instance is or is not being chosen right now. Waits for the first set; never throws for a service in trouble. */
  explain(name: Name): Promise<Explanation>;
  /**
   * Keeps an instance of this process in a registry, until it is closed: registered, renewed, registered again when the
   * registry forgets it. Returns at once; a registry that is down is tried until it is there.
   *
   * @throws CrowflyError `bad-option`, `bad-name` for what can be known at once; `closed`
   */
  register(options: RegisterOptions): Registration;
  /** How this discovery stands, for a health endpoint; cheap, and free of secrets. */
  health(): DiscoveryHealth;
  on<N extends EventName>(name: N, listener: Listener<N>): () => void;
  /**
   * Something that lives as long as this engine, such as connection pools shared by several clients: created on first
   * use, closed by `close()`.
   */
  own<T extends { close(): Promise<void> | void }>(key: symbol, create: () => T): T;
  readonly closed: boolean;
  /** Idempotent. Deregisters what was registered, refuses new calls, lets calls in flight finish within `limits.closeMs`, ends all I/O and timers. */
  close(): Promise<void>;
}
