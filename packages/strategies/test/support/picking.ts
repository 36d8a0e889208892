import type { Balancer, Strategy } from '@crowfly/core';
import { seededRandom, VirtualClock } from '@crowfly/core/testing';
import { type TestMember, type TestPool, testCall } from '@crowfly/testkit';

/** A balancer of `strategy` connected to `pool`. The same seed gives the same picks. */
export function connected(strategy: Strategy, pool: TestPool, seed = 1): Balancer {
  return pool.connect(strategy({ clock: new VirtualClock(), random: seededRandom(seed) }));
}

/** Picks `count` times for calls of one try. @returns what was picked, in order */
export function picks(balancer: Balancer, count: number): TestMember[] {
  return Array.from({ length: count }, () => balancer.pick(testCall()) as TestMember);
}

/** How often each was picked, in the order of `members`. */
export function counts(members: readonly TestMember[], picked: readonly TestMember[]): number[] {
  return members.map((member) => picked.filter((each) => each === member).length);
}

/** The member at `index`, which the test knows to be there. */
export function at(pool: TestPool, index: number): TestMember {
  const member = pool.members[index];
  if (member === undefined) throw new RangeError(`the pool has no member ${index}`);
  return member;
}
