import type { Balancer, Strategy, StrategyContext } from '@crowfly/core';
import { check, checkOptions } from '@crowfly/core';
import { seededRandom, VirtualClock } from '@crowfly/core/testing';

/** A strategy, and what its author claims about it: only what is claimed is held against it, beyond what every strategy must do. */
export interface StrategyConformanceOptions {
  /** For the titles of the tests. */
  readonly name: string;
  /** What a user would pass as `strategy`, such as `leastRequest()`. */
  readonly strategy: Strategy;
  /**
   * How idle members of equal latency share the picks: `even`, whatever their weights; `weighted`, in proportion to
   * them. Default: no claim.
   */
  readonly shares?: 'even' | 'weighted';
  /** Claims that a pick costs about the same for 10 as for 1000 members. Default `false`. */
  readonly constantCost?: boolean;
  /** Claims that equal keys go to the same member, and the n-th try of a call to its n-th choice. Default `false`. */
  readonly keyed?: boolean;
  /** Repeats a run: a failure prints its seed. A whole number. Default: another one each time. */
  readonly seed?: number;
}

/** The strategy under test as the rules see it. */
export interface Subject extends StrategyConformanceOptions {
  readonly seed: number;
}

export function subjectOf(options: StrategyConformanceOptions): Subject {
  checkOptions('strategyConformance(...)', options, {
    name: check.string,
    strategy: check.function,
    shares: check.oneOf('even', 'weighted'),
    constantCost: check.boolean,
    keyed: check.boolean,
    seed: check.integer(0, 0xffff_ffff),
  });
  check.string(options.name, 'strategyConformance(...).name');
  check.function(options.strategy, 'strategyConformance(...).strategy');
  return { ...options, seed: options.seed ?? Math.floor(Math.random() * 0x1_0000_0000) };
}

/** A balancer of its own: another `client` has other randomness. */
export function balancerOf(subject: Subject, client = 0, context: Partial<StrategyContext> = {}): Balancer {
  const random = seededRandom(Math.imul(subject.seed + client, 0x9e37_79b1));
  return subject.strategy({ clock: new VirtualClock(), random, ...context });
}
