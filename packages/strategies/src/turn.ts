import type { StrategyContext } from '@crowfly/core';

/** Stays a small integer, which V8 keeps without allocating; wraps after a billion turns. */
const MASK = 0x3fff_ffff;

/** Counts turns from a random start; the count outlives every change of how many there are. */
export class Turn {
  #count: number;

  constructor(context: StrategyContext) {
    this.#count = Math.floor(context.random() * MASK);
  }

  /** The next of `size` indexes. */
  next(size: number): number {
    this.#count = (this.#count + 1) & MASK;
    return this.#count % size;
  }
}
