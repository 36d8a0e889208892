import type { Strategy } from '@crowfly/core';
import { leastRequest, peakEwma, random, roundRobin, weightedRoundRobin } from '@crowfly/strategies';

/** The strategies by the names of the report. */
export const STRATEGIES = {
  'round robin': roundRobin(),
  'weighted round robin': weightedRoundRobin(),
  random: random(),
  'least request': leastRequest(),
  'peak EWMA': peakEwma(),
} as const satisfies Record<string, Strategy>;

export type StrategyName = keyof typeof STRATEGIES;

/** Those that differ while all weights are equal. */
export const DISTINCT: readonly StrategyName[] = ['round robin', 'random', 'least request', 'peak EWMA'];
