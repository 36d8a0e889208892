import type { Balancer } from '@crowfly/core';
import { balancerOf, type Subject } from '../options.js';
import { Breach, type StrategyRule } from '../rule.js';
import { testCall } from '../test-call.js';
import { type TestPool, testPool } from '../test-pool.js';

const CLIENTS = 400;
const IDLE = { latencyMs: 100 };

export const START_RULES: readonly StrategyRule[] = [
  {
    title: 'different clients start differently',
    check(subject) {
      expectSpread(subject, 'the first pick among ten', () =>
        testPool(Array.from({ length: 10 }, () => IDLE)),
      );
    },
  },
  {
    title: 'different clients go on differently when a set grows',
    check(subject) {
      expectSpread(
        subject,
        'the next pick when one member became ten',
        () => testPool([IDLE]),
        (pool, balancer) => {
          for (let i = 0; i < 3; i++) balancer.pick(testCall());
          pool.addAll(Array.from({ length: 9 }, () => IDLE));
        },
      );
    },
  },
  {
    title: 'a member that joins is not the next pick of every client',
    check(subject) {
      let newcomers = 0;
      for (let client = 0; client < CLIENTS; client++) {
        const pool = testPool(Array.from({ length: 10 }, () => IDLE));
        const balancer = pool.connect(balancerOf(subject, client));
        for (let i = 0; i < client % 50; i++) balancer.pick(testCall());
        const member = pool.add();
        if (balancer.pick(testCall()) === member) newcomers++;
      }
      if (newcomers <= CLIENTS / 2) return;
      throw new Breach(`${newcomers} of ${CLIENTS} clients picked the eleventh member as soon as it came`);
    },
  },
];

function expectSpread(
  subject: Subject,
  situation: string,
  start: () => TestPool,
  grow: (pool: TestPool, balancer: Balancer) => void = () => {},
): void {
  const counts = new Map<string, number>();
  for (let client = 0; client < CLIENTS; client++) {
    const pool = start();
    const balancer = pool.connect(balancerOf(subject, client));
    grow(pool, balancer);
    const id = balancer.pick(testCall())?.endpoint.id ?? 'nothing';
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const most = Math.max(...counts.values());
  // A fair draw gives each of ten members 40 +- 6.
  if (most <= CLIENTS / 4) return;
  throw new Breach(
    `${situation} is the same one for ${most} of ${CLIENTS} clients, which a fleet that restarts sends all its load to: start at random`,
  );
}
