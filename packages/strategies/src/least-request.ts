import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';
import { check, checkOptions } from '@crowfly/core';
import { untriedFrom } from './untried.js';
import { WeightedDraw } from './weighted-draw.js';

export interface LeastRequestOptions {
  /** How many instances are drawn and compared: 2 to 10. More come closer to the strict minimum, at more cost. Default 2. */
  readonly choices?: number;
}

/**
 * The instance with the fewest calls in flight among a few drawn at random, none twice.
 *
 * Unequal weights: instances are drawn by weight and compared by load for their weight, and an idle first one keeps
 * its turn. Each alone goes wrong: comparing `(inFlight + 1) / weight` sends all calls of a quiet service to the
 * heaviest instances, and two draws by weight give an instance of half its only neighbour's weight as many calls.
 * `npm run bench -- strategies` prints what is left of that drift.
 *
 * A pick costs the same for any number of instances.
 *
 * Sources: M. Mitzenmacher, "The power of two choices in randomized load balancing" (1996); Finagle's p2c (without
 * replacement); Envoy's least request and gRPC A48 (2 to 10 choices).
 */
export function leastRequest(options: LeastRequestOptions = {}): Strategy {
  checkOptions('leastRequest(...)', options, { choices: check.integer(2, 10) });
  const choices = options.choices ?? 2;
  return (context) => new LeastRequest(context, choices);
}

class LeastRequest implements Balancer {
  readonly name = 'least request';
  readonly #choices: number;
  readonly #draw: WeightedDraw;
  #pool: Pool | undefined;

  constructor(context: StrategyContext, choices: number) {
    this.#choices = choices;
    this.#draw = new WeightedDraw(context, choices);
  }

  update(pool: Pool): void {
    this.#pool = pool;
    this.#draw.invalidate();
  }

  pick(call: Call): Member | undefined {
    const eligible = this.#pool?.eligible;
    if (eligible === undefined || eligible.length === 0) return undefined;
    let index = this.#draw.first(eligible);
    let best = eligible[index] as Member;
    const choices = Math.min(this.#choices, eligible.length);
    for (let drawn = 1; drawn < choices; drawn++) {
      const other = this.#draw.next(eligible);
      const rival = eligible[other] as Member;
      if (this.#isBetter(rival, best, call)) {
        index = other;
        best = rival;
      }
    }
    return untriedFrom(eligible, index, call);
  }

  /** Ties go to the one drawn first, which is as good as at random. */
  #isBetter(rival: Member, best: Member, call: Call): boolean {
    if (call.attempt > 0) {
      const stale = call.tried(best);
      if (stale !== call.tried(rival)) return stale;
    }
    if (this.#draw.even) return rival.inFlight < best.inFlight;
    // Half a call for the one to be placed: a whole one keeps light instances idle, none keeps them busy.
    return best.inFlight > 0 && (rival.inFlight + 0.5) / rival.weight < (best.inFlight + 0.5) / best.weight;
  }
}
