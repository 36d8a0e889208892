import type { Member, StrategyContext } from '@crowfly/core';
import { AliasTable } from './alias-table.js';
import { Dice } from './dice.js';

/**
 * Draws indexes of members in proportion to their weights, within one pick none twice. Plain while the weights are
 * equal, else from a table that is built when it is first needed after a change.
 */
export class WeightedDraw {
  readonly #dice: Dice;
  readonly #table = new AliasTable();
  /** What this pick drew, ascending. */
  readonly #drawn: Int32Array;
  #count = 0;
  #stale = true;
  #even = true;
  #mean = 1;

  /** @param most how many indexes a pick may draw */
  constructor(context: StrategyContext, most: number) {
    this.#dice = new Dice(context);
    this.#drawn = new Int32Array(most);
  }

  /** Something changed. Any number of changes between two picks costs one rebuild. */
  invalidate(): void {
    this.#stale = true;
  }

  /** The first index of a pick. `members`: one at least. */
  first(members: readonly Member[]): number {
    if (this.#stale) this.#rebuild(members);
    const index = this.#even ? this.#dice.below(members.length) : this.#table.draw(this.#dice);
    this.#drawn[0] = index;
    this.#count = 1;
    return index;
  }

  /** Another index of the same pick. `members`: the same, and more of them than were drawn. */
  next(members: readonly Member[]): number {
    const index = this.#even ? this.#uniform(members.length) : this.#weighted(members.length);
    if (this.#drawn.length > 2) this.#remember(index);
    return index;
  }

  /** Whether all weights were equal at the pick's `first`. */
  get even(): boolean {
    return this.#even;
  }

  /** The mean weight at the pick's `first`. */
  get mean(): number {
    return this.#mean;
  }

  /** Any but those drawn: counts on past each of them. */
  #uniform(size: number): number {
    let index = this.#dice.below(size - this.#count);
    for (let i = 0; i < this.#count && (this.#drawn[i] as number) <= index; i++) index++;
    return index;
  }

  /** Draws until it differs, but only a few times: beside one that has nearly all the weight that takes for ever. */
  #weighted(size: number): number {
    for (let tries = 0; tries < 4; tries++) {
      const index = this.#table.draw(this.#dice);
      let fresh = true;
      for (let i = 0; i < this.#count; i++) if (this.#drawn[i] === index) fresh = false;
      if (fresh) return index;
    }
    return this.#uniform(size);
  }

  #remember(index: number): void {
    const drawn = this.#drawn;
    let at = this.#count++;
    for (; at > 0 && (drawn[at - 1] as number) > index; at--) drawn[at] = drawn[at - 1] as number;
    drawn[at] = index;
  }

  #rebuild(members: readonly Member[]): void {
    const weight = members[0]?.weight ?? 1;
    let total = 0;
    let even = true;
    for (const member of members) {
      total += member.weight;
      if (member.weight !== weight) even = false;
    }
    this.#stale = false;
    this.#even = even;
    this.#mean = total / members.length;
    if (!even) this.#table.build(members, total);
  }
}
