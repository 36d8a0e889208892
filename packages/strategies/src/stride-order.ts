import type { Member, StrategyContext } from '@crowfly/core';

/** A slot that has collected this much takes its turn. Sums of two still fit 31 bits. */
const TURN = 2 ** 30 - 1;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Static stride weighted round robin: slots are visited in turn, each visit adds the slot's weight to its credit, and
 * it is taken whenever the credit is full. Constant time a pick, for large sets.
 *
 * One member far heavier than the mean would make most visits useless, so a member has one slot for each two mean
 * weights: at most 1.5 slots a member, and about three visits a pick. Credits and position survive changes, or a light
 * member would never come to its turn while weights are refreshed (Envoy #10064).
 *
 * Source: gRPC A58, with the credit kept instead of computed, 30 bits instead of 16, and split slots instead of clamped weights.
 */
export class StrideOrder {
  readonly #context: StrategyContext;
  #slots = 0;
  #at = 0;
  /** Of each slot: whose it is, what a visit adds, what it has collected. */
  #owner = new Int32Array(0);
  #step = new Int32Array(0);
  #credit = new Int32Array(0);

  constructor(context: StrategyContext) {
    this.#context = context;
  }

  rebuild(members: readonly Member[], total: number): void {
    const most = (2 * total) / members.length;
    let slots = 0;
    let heaviest = 0;
    for (const { weight } of members) {
      const parts = Math.ceil(weight / most);
      slots += parts;
      heaviest = Math.max(heaviest, weight / parts);
    }
    this.#reserve(slots);
    if (this.#slots === 0) this.#at = Math.floor(this.#context.random() * slots);
    this.#slots = slots;
    // Neighbours in the list, such as the slots of one member, go far apart.
    const jump = coprimeNear(slots * GOLDEN, slots);
    let slot = 0;
    for (let i = 0; i < members.length; i++) {
      const { weight } = members[i] as Member;
      const parts = Math.ceil(weight / most);
      const step = Math.max(1, Math.round((weight / parts / heaviest) * TURN));
      for (let part = 0; part < parts; part++) {
        this.#owner[slot] = i;
        this.#step[slot] = step;
        slot = (slot + jump) % slots;
      }
    }
  }

  next(): number {
    const [step, credit, slots] = [this.#step, this.#credit, this.#slots];
    // Ends within one round: the heaviest slot is taken at every visit.
    for (let visits = 0; visits < slots; visits++) {
      this.#at = this.#at + 1 < slots ? this.#at + 1 : 0;
      const slot = this.#at;
      const collected = (credit[slot] as number) + (step[slot] as number);
      credit[slot] = collected < TURN ? collected : collected - TURN;
      if (collected >= TURN) return this.#owner[slot] as number;
    }
    return this.#owner[this.#at] as number;
  }

  #reserve(slots: number): void {
    const before = this.#credit.length;
    if (before >= slots) return;
    const capacity = slots + (slots >> 1);
    this.#owner = new Int32Array(capacity);
    this.#step = new Int32Array(capacity);
    const credit = new Int32Array(capacity);
    credit.set(this.#credit);
    // Spread evenly from a random start: no burst of turns at once, no two clients in step.
    const start = this.#context.random();
    for (let slot = before; slot < capacity; slot++)
      credit[slot] = Math.floor(((start + slot * GOLDEN) % 1) * TURN);
    this.#credit = credit;
  }
}

function coprimeNear(wanted: number, size: number): number {
  let candidate = Math.max(1, Math.floor(wanted));
  while (divisor(candidate, size) !== 1) candidate++;
  return candidate;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
