import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';
import { untriedFrom } from './untried.js';
import { WeightedDraw } from './weighted-draw.js';

/**
 * Any eligible instance, with a chance in proportion to its weight.
 *
 * Keeps nothing between picks, so many small clients add up to the right shares whatever each of them does; in one
 * client its spread is the widest of all. A pick costs the same for any number of instances; after a change, the first
 * pick under unequal weights rebuilds a table.
 *
 * Source of the table: M. D. Vose (1991).
 */
export function random(): Strategy {
  return (context) => new RandomChoice(context);
}

class RandomChoice implements Balancer {
  readonly name = 'random';
  readonly #draw: WeightedDraw;
  #pool: Pool | undefined;

  constructor(context: StrategyContext) {
    this.#draw = new WeightedDraw(context, 1);
  }

  update(pool: Pool): void {
    this.#pool = pool;
    this.#draw.invalidate();
  }

  pick(call: Call): Member | undefined {
    const eligible = this.#pool?.eligible;
    if (eligible === undefined || eligible.length === 0) return undefined;
    return untriedFrom(eligible, this.#draw.first(eligible), call);
  }
}
