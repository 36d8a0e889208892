import type { Member } from '@crowfly/core';
import type { Dice } from './dice.js';

/**
 * Draws an index in proportion to the weights, in constant time. Rebuilding is O(N) and reuses its memory.
 *
 * Source: M. D. Vose, "A linear algorithm for generating random numbers with a given distribution" (1991).
 */
export class AliasTable {
  #size = 0;
  /** With this chance column i stands for i itself, else for its alias. */
  #keep = new Float64Array(0);
  #alias = new Int32Array(0);
  /** Columns still to be settled: light ones from the front, heavy ones to the back. */
  #work = new Int32Array(0);

  /** @param total the sum of the weights, each of which is above 0 */
  build(members: readonly Member[], total: number): void {
    const size = members.length;
    this.#reserve(size);
    const [keep, alias, work] = [this.#keep, this.#alias, this.#work];
    let light = 0;
    let heavy = size;
    for (let i = 0; i < size; i++) {
      const scaled = ((members[i] as Member).weight * size) / total;
      keep[i] = scaled;
      alias[i] = i;
      if (scaled < 1) work[light++] = i;
      else work[--heavy] = i;
    }
    // A heavy column fills up a light one, and may become light itself by that.
    while (light > 0 && heavy < size) {
      const small = work[--light] as number;
      const large = work[heavy] as number;
      alias[small] = large;
      const left = (keep[large] as number) + (keep[small] as number) - 1;
      keep[large] = left;
      if (left < 1) {
        heavy++;
        work[light++] = large;
      }
    }
    // What is left over is full, but for rounding.
    while (light > 0) keep[work[--light] as number] = 1;
    this.#size = size;
  }

  draw(dice: Dice): number {
    const column = dice.below(this.#size);
    return dice.chance(this.#keep[column] as number) ? column : (this.#alias[column] as number);
  }

  #reserve(size: number): void {
    if (this.#keep.length >= size) return;
    const capacity = Math.max(16, size + (size >> 1));
    this.#keep = new Float64Array(capacity);
    this.#alias = new Int32Array(capacity);
    this.#work = new Int32Array(capacity);
  }
}
