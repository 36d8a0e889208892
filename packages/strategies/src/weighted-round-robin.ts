import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';
import { check, checkOptions } from '@crowfly/core';
import { SmoothOrder } from './smooth-order.js';
import { StrideOrder } from './stride-order.js';
import { Turn } from './turn.js';
import { untriedFrom } from './untried.js';

export interface WeightedRoundRobinOptions {
  /**
   * Sets of up to this many instances take turns in the smoothest order, at a cost that grows with their number;
   * larger ones by static stride, at a constant cost. 0 to 1000. Default 64.
   */
  readonly smoothUpTo?: number;
}

/**
 * Instances in turn, each as often as its weight says: of weights 5, 1, 1 the heavy one gets five turns of seven, not
 * in a row. Plain round robin while all weights are equal.
 *
 * Starts at a random phase. What each instance is still owed survives changes of the set and of the weights.
 *
 * Sources: nginx's smooth weighted round robin; gRPC A58 (static stride).
 */
export function weightedRoundRobin(options: WeightedRoundRobinOptions = {}): Strategy {
  checkOptions('weightedRoundRobin(...)', options, { smoothUpTo: check.integer(0, 1000) });
  const smoothUpTo = options.smoothUpTo ?? 64;
  return (context) => new WeightedRoundRobin(context, smoothUpTo);
}

interface Order {
  rebuild(members: readonly Member[], total: number): void;
  /** The index of the one whose turn it is. */
  next(): number;
}

/** Everyone once. */
class PlainOrder implements Order {
  readonly #turn: Turn;
  #size = 1;

  constructor(context: StrategyContext) {
    this.#turn = new Turn(context);
  }

  rebuild(members: readonly Member[]): void {
    this.#size = members.length;
  }

  next(): number {
    return this.#turn.next(this.#size);
  }
}

class WeightedRoundRobin implements Balancer {
  readonly name = 'weighted round robin';
  readonly #smoothUpTo: number;
  readonly #plain: Order;
  readonly #smooth: Order;
  readonly #stride: Order;
  #order: Order;
  #pool: Pool | undefined;
  #stale = true;

  constructor(context: StrategyContext, smoothUpTo: number) {
    this.#smoothUpTo = smoothUpTo;
    this.#plain = new PlainOrder(context);
    this.#smooth = new SmoothOrder(context);
    this.#stride = new StrideOrder(context);
    this.#order = this.#plain;
  }

  update(pool: Pool): void {
    this.#pool = pool;
    this.#stale = true;
  }

  pick(call: Call): Member | undefined {
    const eligible = this.#pool?.eligible;
    if (eligible === undefined || eligible.length === 0) return undefined;
    if (this.#stale) this.#rebuild(eligible);
    return untriedFrom(eligible, this.#order.next(), call);
  }

  #rebuild(eligible: readonly Member[]): void {
    const weight = eligible[0]?.weight;
    const even = eligible.every((member) => member.weight === weight);
    const weighted = eligible.length <= this.#smoothUpTo ? this.#smooth : this.#stride;
    this.#order = even ? this.#plain : weighted;
    this.#order.rebuild(
      eligible,
      eligible.reduce((sum, member) => sum + member.weight, 0),
    );
    this.#stale = false;
  }
}
