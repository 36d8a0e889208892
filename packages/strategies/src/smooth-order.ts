import type { Member, StrategyContext } from '@crowfly/core';

/**
 * Smooth weighted round robin: each turn every member gains its share of a turn, the one that is owed most takes it.
 * O(N) a pick: for small sets.
 *
 * A member keeps what it is owed over changes of the set and of the weights, or a light one would never come to its
 * turn while weights are refreshed (Envoy #10064).
 *
 * Source: nginx's `ngx_http_upstream_round_robin`, here in shares of the total.
 */
export class SmoothOrder {
  readonly #context: StrategyContext;
  #members: readonly Member[] = [];
  #share = new Float64Array(0);
  /** Turns that each is owed; only the differences matter. */
  #owed = new Float64Array(0);

  constructor(context: StrategyContext) {
    this.#context = context;
  }

  rebuild(members: readonly Member[], total: number): void {
    const [before, owedBefore] = [this.#members, this.#owed];
    this.#members = members.slice();
    this.#share = Float64Array.from(members, (member) => member.weight / total);
    this.#owed = new Float64Array(members.length);
    if (before.length === 0) this.#begin();
    else this.#carryOver(before, owedBefore);
  }

  next(): number {
    const [share, owed] = [this.#share, this.#owed];
    let best = 0;
    for (let i = 0; i < owed.length; i++) {
      owed[i] = (owed[i] as number) + (share[i] as number);
      if ((owed[i] as number) > (owed[best] as number)) best = i;
    }
    owed[best] = (owed[best] as number) - 1;
    return best;
  }

  #carryOver(before: readonly Member[], owedBefore: Float64Array): void {
    const mean = owedBefore.reduce((sum, owed) => sum + owed, 0) / owedBefore.length;
    this.#members.forEach((member, i) => {
      const at = before.indexOf(member);
      // A new one starts anywhere within a turn, or it would come next at every client at the same time.
      this.#owed[i] = at >= 0 ? (owedBefore[at] as number) - mean : this.#context.random() - 0.5;
    });
  }

  /** Starts as if a random number of turns had been taken, so that clients which start together do not call in step. */
  #begin(): void {
    const [share, owed] = [this.#share, this.#owed];
    const turns = Math.floor(this.#context.random() * 1_000_000);
    let open = 0;
    for (let i = 0; i < owed.length; i++) {
      const due = turns * (share[i] as number);
      owed[i] = due - Math.floor(due);
      open += owed[i] as number;
    }
    // The turns that whole numbers leave over go to those that are owed most, one each.
    for (; open > 0.5; open--) {
      let best = 0;
      for (let i = 0; i < owed.length; i++) if ((owed[i] as number) > (owed[best] as number)) best = i;
      owed[best] = (owed[best] as number) - 1;
    }
  }
}
