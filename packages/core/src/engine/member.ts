import type { Endpoint } from '../contract/endpoint.js';
import type { Member } from '../contract/strategy.js';
import { sameFacts } from './endpoint-gate.js';
import type { Ejection } from './health.js';
import type { MemberPool, PoolChange } from './pool.js';

/** Time constant of the latency average: Finagle's default. */
const DECAY_MS = 10_000;
/** The first answers of an instance include its connecting and its warming up: the average begins behind them. */
const WARM_UP = 3;
/** After every priority, 0 to 1,000,000: see the endpoint gate. */
const STANDBY = 2_000_000;
const DRAINING = 4_000_000;

/** Failures in a row, by kind. */
export interface Streaks {
  connects: number;
  resets: number;
  timeouts: number;
  gateway: number;
  server: number;
  bodies: number;
}

/** The engine's side of a {@link Member}. */
export class MemberRecord implements Member {
  endpoint: Endpoint;
  weight = 1;
  inFlight = 0;
  /** Leases not done yet; at least `inFlight`, which forgets a body that takes too long. */
  open = 0;
  measured = false;
  /** Lower goes first: priority, then weight 0, then draining. */
  tier = 0;
  /** Tries ever, for `explain`. */
  picks = 0;
  /** The number of the last set that named it. */
  namedIn = 0;
  /** Vanished from the registry's set, and kept by the guard until then. */
  heldUntil: number | undefined;
  /** Left the set; kept for its statistics, or until its last call ends. */
  gone = false;
  ejection: Ejection | undefined;
  readonly streaks: Streaks = { connects: 0, resets: 0, timeouts: 0, gateway: 0, server: 0, bodies: 0 };
  /** When the try of the last timeout counted began and ended, and when the last reset was counted. */
  timedOutSince = Number.NEGATIVE_INFINITY;
  timedOutAt = Number.NEGATIVE_INFINITY;
  resetAt = Number.NEGATIVE_INFINITY;
  /** When the head of an answer last came from it. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** Evidence of tries from before this moment is out of date. */
  judgedSince = 0;
  /** The pools it is in, and where in their `eligible` (by the pool's slot; -1: not). */
  pools: readonly MemberPool[] = [];
  readonly slots: number[] = [];
  #answers = 0;
  #average = 0;
  #latest = 0;
  #stamp = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.describe(endpoint);
  }

  /** Takes over new facts about the same instance. @returns what they change for a balancer */
  describe(endpoint: Endpoint): PoolChange {
    const { endpoint: before, weight: weightBefore, tier: tierBefore } = this;
    this.endpoint = endpoint;
    const weight = endpoint.weight ?? 1;
    this.weight = weight > 0 ? weight : 1;
    const priority = endpoint.priority ?? 0;
    this.tier =
      endpoint.state === 'draining' ? DRAINING + priority : weight === 0 ? STANDBY + priority : priority;
    if (!sameFacts(before, endpoint)) return 'members';
    if (this.tier === tierBefore) return 'weights';
    return this.weight === weightBefore ? 'eligibility' : 'members';
  }

  get draining(): boolean {
    return this.endpoint.state === 'draining';
  }

  get standby(): boolean {
    return this.tier >= STANDBY && !this.draining;
  }

  latencyMs(now: number): number {
    const age = now - this.#stamp;
    return age > 0 ? this.#average * Math.exp(-age / DECAY_MS) : this.#average;
  }

  /**
   * Peak EWMA (Finagle): slower answers count at once and in full, faster ones by and by. Slower means two in a row: a
   * single one (a garbage collection, a cold path) would keep calls away for as long as the average takes to decay.
   */
  observe(latencyMs: number, now: number): void {
    this.#average = this.measured
      ? this.#following(latencyMs, Math.min(latencyMs, this.#latest), now)
      : latencyMs;
    this.#latest = latencyMs;
    this.#stamp = now;
    if (!this.measured) this.measured = ++this.#answers >= WARM_UP;
  }

  #following(latencyMs: number, peakMs: number, now: number): number {
    const keep = Math.exp(-Math.max(0, now - this.#stamp) / DECAY_MS);
    const decayed = this.#average * keep;
    return peakMs > decayed ? peakMs : decayed + latencyMs * (1 - keep);
  }

  /** A try that was given up after `elapsedMs`: its latency is at least that. */
  observeAtLeast(elapsedMs: number, now: number): void {
    if (elapsedMs <= this.latencyMs(now)) return;
    this.#latest = elapsedMs;
    this.observe(elapsedMs, now);
  }

  /** Forgets what was measured: what comes back from an ejection is judged anew. */
  pardon(now: number): void {
    this.clearStreaks();
    this.streaks.bodies = 0;
    this.measured = false;
    this.#answers = 0;
    this.#average = 0;
    this.judgedSince = now;
  }

  /** The head of a good answer arrived. It says nothing of whether the body will. */
  clearStreaks(): void {
    const { streaks } = this;
    streaks.connects = streaks.resets = streaks.timeouts = streaks.gateway = streaks.server = 0;
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

/** `id (host:port)`, or just `host:port` when the id says no more. */
export function instanceName(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  const address = `${host}:${endpoint.port}`;
  return endpoint.id === address ? address : `${endpoint.id} (${address})`;
}
