import type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from '@crowfly/core';
import { untriedFrom } from './untried.js';
import { WeightedDraw } from './weighted-draw.js';

/**
 * The instance with the least expected wait, of two drawn at random: its latency (a moving average that follows a
 * peak at once and decays over some ten seconds), times the calls in flight and this one.
 *
 * Latencies that differ by less than a factor of two count as equal; then the calls in flight alone decide, and chance
 * where these are equal too.
 *
 * An instance that was never measured is preferred while idle and avoided while its first call runs, so it is tried
 * by one call at a time. One whose first call brought no measurement (it failed) is no better than any other.
 *
 * Unequal weights: instances are drawn by weight, calls in flight count for the weight, and the first one keeps its
 * turn unless the other is twice as good. Without that, noise decides between two idle ones as if they weighed the
 * same; dividing the wait by the weight instead keeps calls from light ones while little is in flight.
 * `npm run bench -- strategies` prints how far shares stray from weights.
 *
 * A pick costs the same for any number of instances. Latency is the time to the first byte: calls that are slow by
 * nature (long polls) make an instance look slow.
 *
 * Source: Finagle's PeakEwma, as also in tower and linkerd2-proxy; the average itself is `Member.latencyMs`.
 */
export function peakEwma(): Strategy {
  return (context) => new PeakEwma(context);
}

/**
 * Latencies are alike when the slower one is at most this many times the other, and this many milliseconds more: noise
 * must not send all calls of a quiet client to one of several equal instances.
 */
const ALIKE_FACTOR = 2;
const ALIKE_MS = 5;
/** Under unequal weights: how much better the second must be, and the part of a call that stands for the new one. */
const UNEVEN_MARGIN = 2;
const UNEVEN_EXTRA = 0.25;

class PeakEwma implements Balancer {
  readonly name = 'peak EWMA';
  readonly #draw: WeightedDraw;
  /** Had a call before they had a measurement. */
  readonly #probed = new WeakSet<Member>();
  #pool: Pool | undefined;

  constructor(context: StrategyContext) {
    this.#draw = new WeightedDraw(context, 2);
  }

  update(pool: Pool): void {
    this.#pool = pool;
    this.#draw.invalidate();
  }

  pick(call: Call): Member | undefined {
    const eligible = this.#pool?.eligible;
    if (eligible === undefined || eligible.length === 0) return undefined;
    let index = this.#draw.first(eligible);
    if (eligible.length > 1) {
      const other = this.#draw.next(eligible);
      if (this.#isBetter(eligible[other] as Member, eligible[index] as Member, call)) index = other;
    }
    const choice = untriedFrom(eligible, index, call);
    if (choice !== undefined && !choice.measured) this.#probed.add(choice);
    return choice;
  }

  /** Ties go to the one drawn first, which is as good as at random. */
  #isBetter(rival: Member, first: Member, call: Call): boolean {
    if (call.attempt > 0) {
      const stale = call.tried(first);
      if (stale !== call.tried(rival)) return stale;
    }
    if (rival.measured && first.measured) {
      const { now } = call;
      const { even, mean } = this.#draw;
      const extra = even ? 0 : UNEVEN_EXTRA;
      const rivalLoad = 1 + ((rival.inFlight + extra) * mean) / rival.weight;
      const firstLoad = 1 + ((first.inFlight + extra) * mean) / first.weight;
      const margin = even ? 1 : UNEVEN_MARGIN;
      // Not in a function of its own: one that returns a fraction allocates it wherever V8 does not inline the call.
      const rivalMs = rival.latencyMs(now);
      const firstMs = first.latencyMs(now);
      const alike =
        rivalMs <= firstMs * ALIKE_FACTOR + ALIKE_MS && firstMs <= rivalMs * ALIKE_FACTOR + ALIKE_MS;
      if (alike) return rivalLoad * margin < firstLoad;
      return rivalMs * rivalLoad * margin < firstMs * firstLoad;
    }
    if (rival.measured) return first.inFlight > 0;
    if (first.measured) return rival.inFlight === 0 && !this.#probed.has(rival);
    return rival.inFlight < first.inFlight;
  }
}
