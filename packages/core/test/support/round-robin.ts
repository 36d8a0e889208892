import type { Balancer, Pool, Strategy } from '@crowfly/core';

/** The simplest strategy there is. */
export const roundRobin: Strategy = () => recordedBalancer([]);

/** A round robin whose pools and updates a test can look at. */
export interface Recorded {
  readonly strategy: Strategy;
  /** In the order they were made; the first of a service is that of its plain pool. */
  readonly balancers: readonly RecordedBalancer[];
}

export interface RecordedBalancer extends Balancer {
  pool: Pool;
  readonly updates: string[];
}

export function recorded(): Recorded {
  const balancers: RecordedBalancer[] = [];
  return {
    balancers,
    strategy: () => {
      const balancer = recordedBalancer([]);
      balancers.push(balancer);
      return balancer;
    },
  };
}

const EMPTY: Pool = { members: [], eligible: [], inFlight: 0, isEligible: () => false };

function recordedBalancer(updates: string[]): RecordedBalancer {
  let next = 0;
  const balancer: RecordedBalancer = {
    name: 'round robin',
    pool: EMPTY,
    updates,
    update(pool, change) {
      balancer.pool = pool;
      updates.push(change);
    },
    pick() {
      const { eligible } = balancer.pool;
      return eligible[next++ % eligible.length];
    },
  };
  return balancer;
}
