import type { Endpoint, RegistryFactory, Target } from '@crowfly/core';

/** What a backend may be unable to do; the keys of {@link RegistryHarness.without}. */
export type Ability =
  /** Sets change while a registry is open. */
  | 'change'
  /** A service that exists and has no instance. */
  | 'empty'
  | 'fail'
  | 'malformedEntry'
  | 'malformedWhole'
  | 'cut'
  | 'freeze'
  | 'rotateCredentials'
  | 'deny';

type Done = Promise<void> | void;

/**
 * The adapter under test, and hands on the backend behind it: what `setup()` returns.
 *
 * Only `factory`, `put` and `remove` are always needed. What else a rule needs and is not here fails that rule with the
 * name of the function to add, unless `without` says why this backend cannot do it; then the rule is left out, and the
 * reason is printed.
 *
 * A function resolves once the backend shows the effect to a new reader. The kit works on services with names of its
 * own (`kit-...`, valid DNS labels, different in each run) and removes them when it is done, so that a shared server
 * stays clean.
 */
export interface RegistryHarness {
  /** Opened several times, also twice at once: each registry that it returns must stand alone. */
  readonly factory: RegistryFactory;

  /**
   * Makes `service` exist with exactly these instances, whatever it had before; an empty list: it exists and has none.
   * A change of one instance should reach a reader in one step.
   *
   * `id` is distinct and stable, for backends that name their entries; the adapter's ids need not equal it. Hosts are
   * IPv4 addresses. `zone`, `weight`, `priority` and `state` appear only when the adapter's `supports` has them. May
   * throw when the backend refuses the instances: that is a good answer to hostile ones.
   */
  put(service: string, endpoints: readonly Endpoint[]): Done;
  /** Makes `service` not exist. No error when it does not. */
  remove(service: string): Done;

  /** From now on the backend fails at once: open streams and connections are cut, requests answered with an error. Until `heal`. */
  fail?(): Done;
  /** Ends `fail`, `malformedWhole`, `freeze`, `deny` and the storms. No error when there is nothing to end. */
  heal?(): Done;
  /** As `put`, with one more entry that cannot be read as an instance. */
  malformedEntry?(service: string, endpoints: readonly Endpoint[]): Done;
  /** From now on what the backend says about `service` cannot be read at all (not JSON, a page of a proxy). Until `heal`. */
  malformedWhole?(service: string): Done;

  /** Rule 5, for `supports.resync`: makes open watches miss what `change` does, with no way to catch up but a new start. */
  cut?(change: () => Promise<void>): Promise<void>;
  /**
   * Rule 8, for `supports.silenceMs`: open connections stay open, and nothing comes through them any more, not even after
   * `heal`; new ones are accepted and get no answer until `heal`.
   */
  freeze?(): Done;
  /** Rule 9, for `supports.credentials`: puts new credentials where the adapter reads them; the old ones are refused, streams that used them cut. */
  rotateCredentials?(): Done;
  /** Rule 9: every request is answered with 401 or 403 (or what the protocol has instead), open streams are cut. Until `heal`. */
  deny?(): Done;
  /**
   * Rule 10: ways of the backend to invite a busy loop, by name, each until `heal`. Good ones: `answers at once` (long
   * polls return without a change), `closes at once` (connections or streams end right after they open), `refuses`
   * (nothing listens). `fail` is always one of them.
   */
  readonly storms?: Readonly<Record<string, () => Done>>;

  /** All spellings that mean the service, the first being the one that is watched. Default: its name, and a URL with that host. */
  targets?(service: string): readonly Target[];
  /**
   * Requests (queries, file reads) that registries of this factory made so far. Default: what the kit sees by itself
   * in this process: requests of node:http and undici (fetch), connections of node:net.
   */
  requests?(): number;
  /** The one port of all instances, when the backend holds addresses only (DNS A records). Default: two ports in turn. */
  readonly port?: number;
  /** How many instances a service can have, when that is less than the 50 that the kit would use. */
  readonly maxInstances?: number;
  /** Values that must never appear in an id, an error or a report: tokens, passwords. */
  readonly secrets?: readonly string[];
  /** What this backend cannot do, each with the reason: shown in the closing summary. */
  readonly without?: Readonly<Partial<Record<Ability, string>>>;
  /** Ends the backend. Called once, after everything. */
  close?(): Done;
}

export interface RegistryConformanceOptions {
  /** The adapter, as the suite's title shows it. */
  readonly name: string;
  /** Called once per suite: each test works on services of its own, so that a real server is affordable. */
  setup(): Promise<RegistryHarness> | RegistryHarness;
  /** How long the kit waits for anything that must happen. Default 5000. Longer than the slowest way of a change to a watcher. */
  readonly timeoutMs?: number;
  /** How long nothing may happen where nothing more is allowed. Default 250. Longer than two polls of the adapter under test. */
  readonly quietMs?: number;
  /** How soon a watch must settle after its signal aborts. Default 1000. */
  readonly abortMs?: number;
  /** Rule 10: how many requests one watch may make while its backend misbehaves, beyond a burst of 10. Default 10. */
  readonly maxRequestsPerSecond?: number;
  /** Repeats the names and orders of an earlier run; each failure prints its seed. Default: another one in each run. */
  readonly seed?: number;
  /** Where the closing summary goes, line by line. Default: standard output. */
  readonly print?: (line: string) => void;
}
