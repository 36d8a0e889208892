import type { Balancer } from '@crowfly/core';
import { chiSquared, chiSquaredLimit } from '../chi-squared.js';
import { balancerOf, type Subject } from '../options.js';
import { Breach, type StrategyRule } from '../rule.js';
import { testCall } from '../test-call.js';
import { type TestPool, testPool } from '../test-pool.js';

/** Members that differ in nothing but their weights: 1, 2, 3, 4, 5, 1, ... */
const uneven = (size: number): TestPool =>
  testPool(Array.from({ length: size }, (_, i) => ({ weight: 1 + (i % 5), latencyMs: 100 })));

const claimed = ({ shares }: { readonly shares?: unknown }): boolean => shares !== undefined;

export const SHARE_RULES: readonly StrategyRule[] = [
  {
    title: 'shares the picks as claimed',
    applies: claimed,
    check(subject) {
      for (const size of [2, 10, 100]) {
        const equal = testPool(Array.from({ length: size }, () => ({ latencyMs: 100 })));
        expectShares(subject, equal, equal.connect(balancerOf(subject)), `${size} members of equal weight`);
        const pool = uneven(size);
        expectShares(subject, pool, pool.connect(balancerOf(subject)), `${size} members of unequal weights`);
      }
    },
  },
  {
    title: 'follows a change of weights',
    applies: claimed,
    check(subject) {
      for (const size of [10, 100]) {
        const pool = uneven(size);
        const balancer = pool.connect(balancerOf(subject));
        for (let i = 0; i < 100; i++) balancer.pick(testCall());
        for (const member of pool.members) pool.weigh(member, 6 - member.weight);
        expectShares(subject, pool, balancer, `${size} members whose weights changed (update 'weights')`);
      }
    },
  },
  {
    title: 'follows members that come, go, are ejected and restored',
    applies: claimed,
    check(subject) {
      const pool = uneven(20);
      const balancer = pool.connect(balancerOf(subject));
      balancer.pick(testCall());
      const out = pool.members.slice(5, 10);
      for (const member of out) pool.eject(member);
      expectShares(subject, pool, balancer, "15 members after ejections (update 'eligibility')");
      for (const member of out) pool.restore(member);
      expectShares(subject, pool, balancer, "20 members after they were restored (update 'eligibility')");
      for (const member of pool.members.slice(0, 5)) pool.remove(member);
      pool.addAll([{ weight: 3, latencyMs: 100 }, { latencyMs: 100 }]);
      expectShares(subject, pool, balancer, "17 members after some left and some came (update 'members')");
    },
  },
  {
    title: 'keeps the shares while weights are refreshed before every pick',
    applies: claimed,
    check(subject) {
      for (const size of [10, 100]) {
        const pool = uneven(size);
        const balancer = pool.connect(balancerOf(subject));
        const refresh = (): void => balancer.update(pool, 'weights');
        expectShares(
          subject,
          pool,
          balancer,
          `${size} members (an update must not start the order anew)`,
          refresh,
        );
      }
    },
  },
];

function expectShares(
  subject: Subject,
  pool: TestPool,
  balancer: Balancer,
  situation: string,
  beforeEach: () => void = () => {},
): void {
  const { eligible } = pool;
  const picks = 500 * Math.max(eligible.length, 20);
  const counts = new Map(eligible.map((member) => [member, 0]));
  for (let i = 0; i < picks; i++) {
    beforeEach();
    const hash = Math.imul(i + subject.seed, 0x9e37_79b1);
    const answer = balancer.pick(testCall(subject.keyed ? { hash } : {}));
    const member = eligible.find((candidate) => candidate === answer);
    if (member === undefined) throw new Breach(`${situation}: it picked no eligible member`);
    counts.set(member, (counts.get(member) ?? 0) + 1);
  }
  const weights = eligible.map((member) => (subject.shares === 'weighted' ? member.weight : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const expected = weights.map((weight) => (picks * weight) / total);
  const got = eligible.map((member) => counts.get(member) ?? 0);
  const statistic = chiSquared(got, expected);
  const limit = chiSquaredLimit(eligible.length - 1);
  if (statistic <= limit) return;
  const off = got.map((count, i) => Math.abs(count - (expected[i] ?? 0)));
  const worst = off.indexOf(Math.max(...off));
  throw new Breach(
    `${situation}: of ${picks} picks, one of weight ${eligible[worst]?.weight} got ${got[worst]} where ${expected[worst]?.toFixed(0)} are its share ` +
      `(chi-squared ${statistic.toFixed(0)}, at most ${limit.toFixed(0)})`,
  );
}
