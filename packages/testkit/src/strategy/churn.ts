import type { Balancer, Member } from '@crowfly/core';
import fc from 'fast-check';
import { balancerOf, type Subject } from './options.js';
import { Breach } from './rule.js';
import { type TestCall, testCall } from './test-call.js';
import { type TestMember, type TestPool, testPool } from './test-pool.js';

/** One change of the pool; `at` chooses the member concerned. */
type Step =
  | { readonly do: 'add'; readonly count: number; readonly weight: number; readonly latencyMs?: number }
  | { readonly do: 'weigh'; readonly at: number; readonly weight: number }
  | { readonly do: 'remove' | 'eject' | 'restore' | 'finish'; readonly at: number }
  | { readonly do: 'answer'; readonly at: number; readonly latencyMs: number }
  | { readonly do: 'wait'; readonly ms: number };

const at = fc.nat(1000);
const weight = fc.oneof(
  fc.constant(1),
  fc.integer({ min: 1, max: 10 }),
  fc.constantFrom(0.001, 0.5, 1000, 1e6),
);
const latencyMs = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5000 }));

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ do: fc.constant('add'), count: fc.integer({ min: 1, max: 3 }), weight }),
    fc.record({ do: fc.constant('add'), count: fc.integer({ min: 1, max: 100 }), weight, latencyMs }),
    fc.record({ do: fc.constant('weigh'), at, weight }),
    fc.record({ do: fc.constantFrom('remove', 'eject', 'restore', 'finish'), at }),
    fc.record({ do: fc.constant('answer'), at, latencyMs }),
    fc.record({ do: fc.constant('wait'), ms: fc.integer({ min: 1, max: 60_000 }) }),
  ),
  { maxLength: 60, size: 'max' },
);

/** What a rule looks at after each pick. `order`: what `eligible` was before it. */
export interface Picked {
  readonly answer: Member | undefined;
  readonly pool: TestPool;
  readonly call: TestCall;
  readonly order: readonly TestMember[];
}

/**
 * Puts the strategy through random changes of its pool, with a call of up to three tries after each.
 *
 * @param inspect throws a Breach when a pick broke the rule
 * @throws Breach with the shortest list of changes that leads to it
 */
export function underChurn(subject: Subject, inspect: (picked: Picked) => void): void {
  const property = fc.property(steps, fc.nat(), (list, client) => {
    const pool = testPool();
    const balancer = pool.connect(balancerOf(subject, client));
    let now = 1_000_000;
    for (const [index, step] of [undefined, ...list].entries()) {
      if (step !== undefined) take(step, pool);
      if (step?.do === 'wait') now += step.ms;
      const hash = Math.imul(index + 1, 0x9e37_79b1);
      callOnce(balancer, pool, testCall(subject.keyed ? { hash, now } : { now }), inspect);
    }
  });
  const result = fc.check(property, { seed: subject.seed | 0, numRuns: 60 });
  if (!result.failed) return;
  const cause: unknown = result.errorInstance;
  const what = cause instanceof Breach ? cause.message : `it threw: ${String(cause)}`;
  throw new Breach(`${what}; after ${JSON.stringify(result.counterexample?.[0] ?? [])}`);
}

function callOnce(
  balancer: Balancer,
  pool: TestPool,
  call: TestCall,
  inspect: (picked: Picked) => void,
): void {
  for (let tries = 0; tries < 3; tries++) {
    const order = [...pool.eligible];
    const answer = balancer.pick(call);
    inspect({ answer, pool, call, order });
    const picked = pool.eligible.find((member) => member === answer);
    if (picked === undefined) return;
    picked.inFlight++;
    call.failedAt(picked);
  }
}

function take(step: Step, pool: TestPool): void {
  if (step.do === 'wait') return;
  if (step.do === 'add') {
    const { count, ...options } = step;
    pool.addAll(Array.from({ length: count }, () => options));
    return;
  }
  const member = pool.members[step.at % Math.max(1, pool.members.length)];
  if (member === undefined) return;
  if (step.do === 'weigh') pool.weigh(member, step.weight);
  else if (step.do === 'answer') {
    member.measured = true;
    member.latency = step.latencyMs;
  } else if (step.do === 'finish') member.inFlight = Math.max(0, member.inFlight - 1);
  else pool[step.do](member);
}
