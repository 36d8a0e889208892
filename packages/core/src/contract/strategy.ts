import type { Clock } from './clock.js';
import type { Endpoint } from './endpoint.js';

/**
 * One instance with what this process has seen of it. Stable while id, host, port and protocol stay: strategies may
 * key state by it. The core writes it, everyone else reads.
 */
export interface Member {
  /** Replaced when zone, weight, state or metadata change. */
  readonly endpoint: Endpoint;
  /** Effective share of the traffic, > 0; 1 unless the registry says otherwise. */
  readonly weight: number;
  /** Tries picked and not yet done, counted from the pick (not from the connect). */
  readonly inFlight: number;
  /** Whether enough tries have been answered (three) for `latencyMs` to mean more than a cold start. */
  readonly measured: boolean;
  /**
   * Peak-sensitive moving average of the time to the first byte, in milliseconds, decayed to `now`
   * (time constant 10 s). 0 while not measured. Answers with status >= 500 do not count: failing fast is not being fast.
   */
  latencyMs(now: number): number;
}

/** The members that one balancer chooses among. The arrays are live: read them at pick time, never keep a copy of a reference to their contents. */
export interface Pool {
  /** All members, the ejected and the draining too: dense, unordered. */
  readonly members: readonly Member[];
  /** Those that may be picked now: dense, unordered (an ejection swaps the last one into the hole). */
  readonly eligible: readonly Member[];
  /** Sum over `members`. */
  readonly inFlight: number;
  /** Whether a member may be picked now; O(1). For tables that outlive an ejection, or are being rebuilt. */
  isEligible(member: Member): boolean;
}

/** What a strategy may know of the call it picks for. */
export interface Call {
  /** 32-bit unsigned hash of the caller's key; of no meaning when `hasKey` is false. */
  readonly hash: number;
  readonly hasKey: boolean;
  /** 0 for the first try, 1 for the next. A hash strategy answers its `attempt`-th choice. */
  readonly attempt: number;
  /** The clock's milliseconds at the pick: reading it again costs more than the pick. */
  readonly now: number;
  /** Whether this call already went to the member. */
  tried(member: Member): boolean;
}

/** Chooses among the eligible members of one pool. */
export interface Balancer {
  /** What `explain` calls it: the field's standard term, such as `least request`. */
  readonly name?: string;
  /**
   * Called before the first pick and after every change, synchronously. `members`: the arrays' contents; `weights`:
   * only weights; `eligibility`: only who may be picked. May finish an expensive table in slices and keep answering.
   */
  update(pool: Pool, change: 'members' | 'weights' | 'eligibility'): void;
  /**
   * Synchronous, no I/O, no allocation. An answer that is gone or ineligible is replaced by the core and counted, one
   * that was tried while an untried one is left is just replaced; `undefined` means no opinion.
   */
  pick(call: Call): Member | undefined;
  /** The service is no longer in use: ends what is still being built. Called once. */
  close?(): void;
}

export interface StrategyContext {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  random(): number;
}

/** A factory: its options may be shared between services, the balancers it returns share nothing. */
export type Strategy = (context: StrategyContext) => Balancer;
