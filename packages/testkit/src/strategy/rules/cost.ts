import type { Member, Pool } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { balancerOf, type Subject } from '../options.js';
import { Breach, type StrategyRule } from '../rule.js';
import { testCall } from '../test-call.js';
import { type TestPool, testPool } from '../test-pool.js';

export const COST_RULES: readonly StrategyRule[] = [
  {
    title: 'a pick allocates nothing',
    check(subject) {
      const bytes = bytesPerPick(subject);
      if (bytes < LIMIT) return;
      throw new Breach(
        `a pick allocates about ${bytes.toFixed(0)} bytes: keep scratch space in the balancer, avoid closures, copies and iterators`,
      );
    },
  },
  {
    title: 'a pick reads call.now, not the clock',
    check(subject) {
      const clock = new VirtualClock();
      let reads = 0;
      const now = (): number => {
        reads++;
        return clock.now();
      };
      const counting = { now, after: clock.after.bind(clock) };
      const balancer = busyPool(100).connect(balancerOf(subject, 0, { clock: counting }));
      const call = callOf(subject);
      balancer.pick(call);
      reads = 0;
      for (let i = 0; i < 100; i++) balancer.pick(call);
      if (reads > 0) throw new Breach(`100 picks read the clock ${reads} times`);
    },
  },
  {
    title: 'a pick costs the same for any number of members',
    applies: ({ constantCost }) => constantCost === true,
    check(subject) {
      const [few, many] = [readsPerPick(subject, 10), readsPerPick(subject, 1000)];
      if (many <= 2 * few + 4) return;
      throw new Breach(
        `a pick looks ${few.toFixed(1)} times at its pool or a member when there are 10 members, and ${many.toFixed(1)} times when there are 1000`,
      );
    },
  },
];

const busyPool = (size: number): TestPool =>
  testPool(
    Array.from({ length: size }, (_, i) => ({
      weight: 1 + (i % 5),
      latencyMs: 100 + (i % 7),
      inFlight: i % 3,
    })),
  );

const callOf = ({ keyed, seed }: Subject): ReturnType<typeof testCall> =>
  testCall(keyed ? { hash: seed } : {});

/** So few that most rounds end without a garbage collection, even of a strategy that copies the pool. */
const PICKS = 250;
/** Bytes a pick. An object takes 16 at the least; a table that grows once in a while less than one. */
const LIMIT = 8;

function bytesPerPick(subject: Subject): number {
  // Boxed numbers, handed out again and again: what random() itself allocates is not the strategy's.
  const numbers: unknown[] = Array.from({ length: 1024 }, () => Math.random());
  numbers.push('keeps them boxed');
  let next = 0;
  const random = (): number => {
    next = (next + 1) & 1023;
    return numbers[next] as number;
  };
  const balancer = busyPool(100).connect(balancerOf(subject, 0, { random }));
  const call = callOf(subject);
  const round = (picks: number): number => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < picks; i++) balancer.pick(call);
    return process.memoryUsage().heapUsed - before;
  };
  const median = (picks: number): number => {
    const rounds = Array.from({ length: 101 }, () => round(picks)).sort((a, b) => a - b);
    return rounds[50] ?? 0;
  };
  let least = Number.POSITIVE_INFINITY;
  // Code that is not yet compiled as it stays allocates fractions: what really allocates does so every time.
  for (let attempt = 0; attempt < 4 && least >= LIMIT; attempt++) {
    for (let i = 0; i < 100_000; i++) balancer.pick(call);
    const measuring = median(0);
    least = Math.min(least, (median(PICKS) - measuring) / PICKS);
  }
  return least;
}

/** How often a pick reads an element of the pool's lists, or a field of a member, once its tables are built. */
function readsPerPick(subject: Subject, size: number): number {
  let reads = 0;
  const watched = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, key) {
        reads++;
        const value: unknown = Reflect.get(object, key, object);
        return typeof value === 'function' && !Array.isArray(object) ? value.bind(object) : value;
      },
    });
  const { members } = busyPool(size);
  const list: readonly Member[] = members.map((member) => watched<Member>(member));
  const all = new Set(list);
  const pool: Pool = {
    members: watched(list),
    eligible: watched(list),
    inFlight: 0,
    isEligible: (member) => all.has(member),
  };
  const balancer = balancerOf(subject);
  balancer.update(pool, 'members');
  const call = callOf(subject);
  const picks = 500;
  for (let i = 0; i < picks; i++) balancer.pick(call);
  reads = 0;
  for (let i = 0; i < picks; i++) balancer.pick(call);
  return reads / picks;
}
