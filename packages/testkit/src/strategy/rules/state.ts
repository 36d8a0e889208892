import type { Balancer } from '@crowfly/core';
import { balancerOf, type Subject } from '../options.js';
import { Breach, type StrategyRule } from '../rule.js';
import { testCall } from '../test-call.js';
import { type TestPool, testPool } from '../test-pool.js';

export const STATE_RULES: readonly StrategyRule[] = [
  {
    title: 'the same randomness gives the same picks',
    check(subject) {
      const [one, two] = [stage(subject), stage(subject)];
      for (let i = 0; i < 500; i++) {
        if (turn(one, i, subject) === turn(two, i, subject)) continue;
        throw new Breach(
          `two balancers with the same random() and the same pool disagree at pick ${i}: take randomness from the context only`,
        );
      }
    },
  },
  {
    title: 'two balancers of one strategy share nothing',
    check(subject) {
      const [alone, beside, other] = [stage(subject), stage(subject), stage(subject)];
      other.pool.remove(other.pool.members[0] ?? other.pool.add());
      for (let i = 0; i < 500; i++) {
        const expected = turn(alone, i, subject);
        for (let k = 0; k <= i % 3; k++) turn(other, 7 * i + k, subject);
        if (turn(beside, i, subject) === expected) continue;
        throw new Breach(
          `picks of one service change those of another (at pick ${i}): keep state in the balancer`,
        );
      }
    },
  },
];

interface Stage {
  readonly pool: TestPool;
  readonly balancer: Balancer;
}

function stage(subject: Subject): Stage {
  const pool = testPool(Array.from({ length: 12 }, (_, i) => ({ weight: 1 + (i % 3), latencyMs: 50 + i })));
  return { pool, balancer: pool.connect(balancerOf(subject)) };
}

/** One pick, then a change that depends on `i` only. @returns the id of the answer */
function turn({ pool, balancer }: Stage, i: number, subject: Subject): string | undefined {
  const hash = Math.imul(i + 1, 0x9e37_79b1);
  const answer = balancer.pick(testCall(subject.keyed ? { hash } : {}));
  const member = pool.members[i % pool.members.length];
  if (member === undefined) return undefined;
  member.inFlight = (i * 7) % 4;
  if (i % 10 === 3) pool.weigh(member, 1 + (i % 4));
  if (i % 10 === 5 && pool.eligible.length > 6) pool.eject(member);
  if (i % 10 === 8) pool.restore(member);
  return answer?.endpoint.id;
}
