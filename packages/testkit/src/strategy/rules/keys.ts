import type { Balancer, Member } from '@crowfly/core';
import { balancerOf } from '../options.js';
import { Breach, type StrategyRule } from '../rule.js';
import { testCall } from '../test-call.js';
import { type TestPool, testPool } from '../test-pool.js';

const KEYS = Array.from({ length: 200 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1) >>> 0);
const keyed = (claims: { readonly keyed?: boolean }): boolean => claims.keyed === true;
const tenMembers = (): TestPool => testPool(Array.from({ length: 10 }, () => ({ latencyMs: 100 })));

export const KEY_RULES: readonly StrategyRule[] = [
  {
    title: 'equal keys go to the same member',
    applies: keyed,
    check(subject) {
      const pool = tenMembers();
      const balancer = pool.connect(balancerOf(subject));
      const homes = KEYS.map((hash) => balancer.pick(testCall({ hash })));
      for (const member of pool.members) member.inFlight = 1;
      KEYS.forEach((hash, i) => {
        if (balancer.pick(testCall({ hash })) === homes[i]) return;
        throw new Breach('a key went to two members, though the set did not change');
      });
    },
  },
  {
    title: 'keys are spread over the members',
    applies: keyed,
    check(subject) {
      const balancer = tenMembers().connect(balancerOf(subject));
      const homes = new Set(KEYS.map((hash) => balancer.pick(testCall({ hash }))));
      if (homes.size < 8) throw new Breach(`${KEYS.length} keys use only ${homes.size} of 10 members`);
    },
  },
  {
    title: 'each try of a key has a choice of its own, always the same one',
    applies: keyed,
    check(subject) {
      const balancer = tenMembers().connect(balancerOf(subject));
      for (const hash of KEYS) {
        const [once, again] = [choices(balancer, hash), choices(balancer, hash)];
        if (new Set(once).size < once.length)
          throw new Breach('a later try went to an earlier choice: look at call.attempt');
        if (once.some((member, i) => member !== again[i]))
          throw new Breach('the second call with a key had other choices');
      }
    },
  },
  {
    title: 'a key comes home when its member is restored',
    applies: keyed,
    check(subject) {
      const pool = tenMembers();
      const balancer = pool.connect(balancerOf(subject));
      for (const hash of KEYS) {
        const home = pool.members.find((member) => member === balancer.pick(testCall({ hash })));
        if (home === undefined) throw new Breach('a key was given no member');
        pool.eject(home);
        balancer.pick(testCall({ hash }));
        pool.restore(home);
        if (balancer.pick(testCall({ hash })) !== home)
          throw new Breach('a key stayed away from its restored member');
      }
    },
  },
];

function choices(balancer: Balancer, hash: number): (Member | undefined)[] {
  const call = testCall({ hash });
  return [0, 1, 2].map(() => {
    const answer = balancer.pick(call);
    if (answer !== undefined) call.failedAt(answer);
    return answer;
  });
}
