import type { Endpoint } from '../contract/endpoint.js';
import type { Member } from '../contract/strategy.js';
import type { Ejection } from './health.js';
import { Latency } from './latency.js';
import type { MemberPool, PoolChange } from './pool.js';
import { sameFacts } from './same-endpoint.js';

/** After both tiers of every priority, 0 to 1,000,000: see the endpoint gate. */
const STANDBY = 4_000_000;
const DRAINING = 8_000_000;

/** Shared: a member that is in no pool is nothing special. */
export const NO_POOLS: readonly MemberPool[] = [];

/** Failures in a row, by kind, and when some of them happened. */
export class Streaks {
  connects = 0;
  resets = 0;
  timeouts = 0;
  gateway = 0;
  server = 0;
  bodies = 0;
  /** When the try of the last timeout counted began and ended, and when the last reset was counted. */
  timedOutSince = Number.NEGATIVE_INFINITY;
  timedOutAt = Number.NEGATIVE_INFINITY;
  resetAt = Number.NEGATIVE_INFINITY;
}

/** The engine's side of a {@link Member}. */
export class MemberRecord implements Member {
  endpoint: Endpoint;
  weight: number;
  inFlight = 0;
  /** Leases not done yet; at least `inFlight`, which forgets a body that takes too long. */
  open = 0;
  measured = false;
  /** Lower goes first: priority, then whom topology hints mean it for, then weight 0, then draining. */
  tier: number;
  /** Topology hints mean it for others than this process: the second tier of its priority. */
  elsewhere = false;
  /** Tries ever, for `explain`. */
  picks = 0;
  /** What the last set that named it said, as the gate has it, and the number of that set. */
  said: Endpoint;
  namedIn = 0;
  /** Vanished from the registry's set, and kept by the guard until then. */
  heldUntil: number | undefined;
  /** Left the set; kept for its statistics, or until its last call ends. */
  gone = false;
  ejection: Ejection | undefined;
  /** When the head of an answer last came from it; 0: never. */
  heardAt = 0;
  /** When the last connect began that asked whether it is still there, and was answered or lost. */
  askedAt = 0;
  /** Evidence of tries from before this moment is out of date. */
  judgedSince = 0;
  /** The pools it is in. */
  pools: readonly MemberPool[] = NO_POOLS;
  /** Where it is in `members` and in `eligible` of the pool for http URLs, and of the one for https URLs; -1: not there. */
  place = -1;
  seat = -1;
  tlsPlace = -1;
  tlsSeat = -1;
  /** Made when there is something to count, or to measure: in a large set, for few. */
  failures: Streaks | undefined;
  latency: Latency | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = this.said = endpoint;
    this.weight = weightOf(endpoint);
    this.tier = tierOf(endpoint, false);
  }

  /** @returns whether that is another tier than before */
  rank(elsewhere: boolean): boolean {
    if (this.elsewhere === elsewhere) return false;
    this.elsewhere = elsewhere;
    this.tier = tierOf(this.endpoint, elsewhere);
    return true;
  }

  /** Takes over new facts about the same instance. @returns what they change for a balancer */
  describe(endpoint: Endpoint): PoolChange {
    const { endpoint: before, weight: weightBefore, tier: tierBefore } = this;
    this.endpoint = endpoint;
    this.weight = weightOf(endpoint);
    this.tier = tierOf(endpoint, this.elsewhere);
    if (!sameFacts(before, endpoint)) return 'members';
    if (this.tier === tierBefore) return 'weights';
    return this.weight === weightBefore ? 'eligibility' : 'members';
  }

  get streaks(): Streaks {
    this.failures ??= new Streaks();
    return this.failures;
  }

  get draining(): boolean {
    return this.endpoint.state === 'draining';
  }

  get standby(): boolean {
    return this.tier >= STANDBY && !this.draining;
  }

  latencyMs(now: number): number {
    return this.latency === undefined ? 0 : this.latency.at(now);
  }

  observe(latencyMs: number, now: number): void {
    this.latency ??= new Latency();
    this.latency.observe(latencyMs, now);
    this.measured = this.latency.measured;
  }

  /** A try that was given up after `elapsedMs`: its latency is at least that. */
  observeAtLeast(elapsedMs: number, now: number): void {
    this.latency ??= new Latency();
    this.latency.observeAtLeast(elapsedMs, now);
    this.measured = this.latency.measured;
  }

  /** Forgets what was measured: what comes back from an ejection is judged anew. */
  pardon(now: number): void {
    this.clearStreaks();
    this.bodyArrived();
    this.measured = false;
    this.latency = undefined;
    this.judgedSince = now;
  }

  /** The head of a good answer arrived. It says nothing of whether the body will. */
  clearStreaks(): void {
    const { failures } = this;
    if (failures === undefined) return;
    failures.connects = failures.resets = failures.timeouts = failures.gateway = failures.server = 0;
  }

  /** And a whole body did. */
  bodyArrived(): void {
    if (this.failures !== undefined) this.failures.bodies = 0;
  }

  /** Whether `endpoint` is this same instance, so that the record lives on. */
  is(endpoint: Endpoint): boolean {
    const mine = this.endpoint;
    return (
      mine.id === endpoint.id &&
      mine.host === endpoint.host &&
      mine.port === endpoint.port &&
      mine.protocol === endpoint.protocol
    );
  }
}

const weightOf = ({ weight = 1 }: Endpoint): number => (weight > 0 ? weight : 1);

function tierOf({ weight, priority = 0, state }: Endpoint, elsewhere: boolean): number {
  const tier = priority * 2 + (elsewhere ? 1 : 0);
  if (state === 'draining') return DRAINING + tier;
  return weight === 0 ? STANDBY + tier : tier;
}

/** `name (host:port)`, by its name or else its id; or just `host:port` when that says no more. */
export function instanceName(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const address = `${host}:${endpoint.port}`;
  const { name = endpoint.id } = endpoint;
  return name === address ? address : `${name} (${address})`;
}
