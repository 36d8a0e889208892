import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';
import { Turn } from './turn.js';
import { untriedFrom } from './untried.js';

/**
 * Each eligible instance in turn, whatever its weight, load or latency.
 *
 * Starts at a random one, or every client of a fleet that restarts would call the same instance first (grpc-java
 * #8026, Envoy #3271). The position survives every change of the set: starting anew would favour some under churn.
 *
 * A pick costs the same for any number of instances. Use it when instances and calls are alike: it sends a slow
 * instance as much as a fast one.
 */
export function roundRobin(): Strategy {
  return (context) => new RoundRobin(context);
}

class RoundRobin implements Balancer {
  readonly name = 'round robin';
  readonly #turn: Turn;
  #pool: Pool | undefined;

  constructor(context: StrategyContext) {
    this.#turn = new Turn(context);
  }

  update(pool: Pool): void {
    this.#pool = pool;
  }

  pick(call: Call): Member | undefined {
    const eligible = this.#pool?.eligible;
    if (eligible === undefined || eligible.length === 0) return undefined;
    return untriedFrom(eligible, this.#turn.next(eligible.length), call);
  }
}
