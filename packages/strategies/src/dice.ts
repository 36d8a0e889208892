import type { StrategyContext } from '@crowfly/core';

const SCALE = 2 ** -32;

/**
 * A balancer's own randomness, seeded once from its context. In 32-bit integers and small enough for V8 to inline: a
 * call to a `random()` that it cannot inline allocates its result, on every pick.
 *
 * Source: G. Marsaglia, "Xorshift RNGs" (2003), with its output multiplied as S. Vigna proposes ("An experimental
 * exploration of Marsaglia's xorshift generators, scrambled", 2014).
 */
export class Dice {
  #state: number;

  constructor(context: StrategyContext) {
    // 0 is the one state that it never leaves.
    this.#state = Math.floor(context.random() * 2 ** 32) | 0 || 1;
  }

  /** A whole number from 0 up to, not including, `size`. */
  below(size: number): number {
    return Math.floor(this.#roll() * size);
  }

  /** `true` with this probability. */
  chance(probability: number): boolean {
    return this.#roll() < probability;
  }

  #roll(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (Math.imul(state, 0x9e3779b1) >>> 0) * SCALE;
  }
}
