import type { Member, Strategy } from '@crowfly/core';
import type { StrategyConformanceOptions } from '@crowfly/testkit';
import { expect } from 'chai';
import { conform } from './support/run.js';
import { anyUntried, sketch } from './support/sketch.js';

type Claims = Omit<StrategyConformanceOptions, 'name' | 'strategy'>;

const none = (): undefined => undefined;
let shared = 0;

/** Each mistake, the rule that it breaks, and a part of the message that tells the author what happened. */
const CASES: readonly (readonly [
  mistake: string,
  rule: string,
  says: RegExp,
  strategy: Strategy,
  claims?: Claims,
])[] = [
  [
    'picks the ejected',
    'picks only eligible members',
    /it picked an ejected member.*after \[.*"do":"eject"/,
    sketch(none, (pool, call, _, context) => anyUntried(pool.members, call, context)),
  ],
  [
    'keeps a copy of the set',
    'picks only eligible members',
    /it picked a member that left.*after \[.*"do":"remove"/,
    sketch(
      () => [] as Member[],
      (_, call, copy, context) => anyUntried(copy, call, context),
      (pool, copy) => {
        for (const member of pool.members) if (!copy.includes(member)) copy.push(member);
      },
    ),
  ],
  [
    'has no opinion at times',
    'always picks while a member is eligible',
    /it picked none of \d+ eligible members/,
    sketch(none, (pool, call, _, context) =>
      context.random() < 0.02 ? undefined : anyUntried(pool.eligible, call, context),
    ),
  ],
  [
    'throws when nobody is there',
    'picks nothing from an empty pool',
    /it threw: RangeError: the pool is empty/,
    sketch(none, (pool, call, _, context) => {
      if (pool.eligible.length === 0) throw new RangeError('the pool is empty');
      return anyUntried(pool.eligible, call, context);
    }),
  ],
  [
    'answers with the last one for ever',
    'picks nothing from an empty pool',
    /it picked a member while none is eligible/,
    sketch(
      () => ({ last: undefined as Member | undefined }),
      (pool, call, state, context) => {
        state.last = anyUntried(pool.eligible, call, context) ?? state.last;
        return state.last;
      },
    ),
  ],
  [
    'tries the same one again',
    'tries another member at each try of a call',
    /try 1 went to a member that was tried/,
    sketch(
      none,
      (pool, _call, _, context) => pool.eligible[Math.floor(context.random() * pool.eligible.length)],
    ),
  ],
  [
    'sorts the pool',
    'leaves the pool as it is',
    /a pick changed pool.eligible/,
    sketch(none, (pool, call) => {
      const list = pool.eligible as Member[];
      list.sort((a, b) => a.inFlight - b.inFlight || b.weight - a.weight);
      return list.find((member) => !call.tried(member)) ?? list[0];
    }),
  ],
  [
    'ignores weights that it claims to follow',
    'shares the picks as claimed',
    /members of unequal weights: of \d+ picks, one of weight \d got \d+ where \d+ are its share/,
    sketch(none, (pool, call, _, context) => anyUntried(pool.eligible, call, context)),
    { shares: 'weighted' },
  ],
  [
    'draws one instance too rarely',
    'shares the picks as claimed',
    /members of equal weight/,
    sketch(
      none,
      (pool, _call, _, context) => pool.eligible[Math.round(context.random() * (pool.eligible.length - 1))],
    ),
    { shares: 'even' },
  ],
  [
    'builds its table of weights once',
    'follows a change of weights',
    /whose weights changed/,
    byWeight({ refresh: ['members', 'eligibility'] }),
    { shares: 'weighted' },
  ],
  [
    'sleeps over restored members',
    'follows members that come, go, are ejected and restored',
    /after they were restored/,
    byWeight({ refresh: ['members', 'weights'] }),
    { shares: 'weighted' },
  ],
  [
    'starts anew with every update',
    'keeps the shares while weights are refreshed before every pick',
    /an update must not start the order anew/,
    sketch(
      (context) => ({ at: Math.floor(context.random() * 1000) }),
      (pool, _call, state) => pool.eligible[state.at++ % Math.max(1, pool.eligible.length)],
      (_pool, state) => {
        state.at = 0;
      },
    ),
    { shares: 'even' },
  ],
  [
    'starts with the first',
    'different clients start differently',
    /the first pick among ten is the same one for 400 of 400 clients/,
    sketch(
      () => ({ at: 0 }),
      (pool, _call, state) => pool.eligible[state.at++ % Math.max(1, pool.eligible.length)],
    ),
  ],
  [
    'chooses its start before there is a choice',
    'different clients go on differently when a set grows',
    /when one member became ten is the same one for 400 of 400 clients/,
    sketch(
      () => ({ at: -1 }),
      (pool, _call, state, context) => {
        const size = pool.eligible.length;
        state.at = state.at < 0 ? Math.floor(context.random() * size) : (state.at + 1) % size;
        return pool.eligible[state.at];
      },
    ),
  ],
  [
    'sends everyone to the newcomer',
    'a member that joins is not the next pick of every client',
    /400 of 400 clients picked the eleventh member as soon as it came/,
    sketch(
      none,
      (pool, call, _, context) =>
        pool.eligible.find((m) => !m.measured) ?? anyUntried(pool.eligible, call, context),
    ),
  ],
  [
    'takes its randomness from Math.random',
    'the same randomness gives the same picks',
    /disagree at pick \d+: take randomness from the context only/,
    sketch(none, (pool, call, _, context) =>
      anyUntried(pool.eligible, call, { ...context, random: Math.random }),
    ),
  ],
  [
    'counts for all services together',
    'two balancers of one strategy share nothing',
    /picks of one service change those of another/,
    sketch(none, (pool) => pool.eligible[shared++ % Math.max(1, pool.eligible.length)]),
  ],
  [
    'forgets keys',
    'equal keys go to the same member',
    /a key went to two members/,
    sketch(none, (pool, call, _, context) => anyUntried(pool.eligible, call, context)),
    { keyed: true },
  ],
  [
    'has one home for all keys',
    'keys are spread over the members',
    /200 keys use only 1 of 10 members/,
    sketch(none, (pool, call) => pool.eligible[call.attempt % Math.max(1, pool.eligible.length)]),
    { keyed: true },
  ],
  [
    'ignores the attempt',
    'each try of a key has a choice of its own, always the same one',
    /a later try went to an earlier choice/,
    sketch(none, (pool, call) => pool.eligible[call.hash % Math.max(1, pool.eligible.length)]),
    { keyed: true },
  ],
  [
    'moves keys by position',
    'a key comes home when its member is restored',
    /a key stayed away from its restored member/,
    sketch(
      none,
      (pool, call) => pool.eligible[(call.hash + call.attempt) % Math.max(1, pool.eligible.length)],
    ),
    { keyed: true },
  ],
  [
    'filters a copy',
    'a pick allocates nothing',
    /a pick allocates about \d+ bytes/,
    sketch(none, (pool, call, _, context) =>
      anyUntried(
        pool.eligible.filter((m) => !call.tried(m)),
        call,
        context,
      ),
    ),
  ],
  [
    'looks at the clock',
    'a pick reads call.now, not the clock',
    /100 picks read the clock 100 times/,
    sketch(none, (pool, call, _, context) => {
      context.clock.now();
      return anyUntried(pool.eligible, call, context);
    }),
  ],
  [
    'scans everyone',
    'a pick costs the same for any number of members',
    /and [\d.]+ times when there are 1000/,
    sketch(none, (pool) => {
      let best = pool.eligible[0];
      for (const member of pool.eligible)
        if (best === undefined || member.inFlight < best.inFlight) best = member;
      return best;
    }),
    { constantCost: true },
  ],
];

/** Weighted random over a list that is renewed by some kinds of update only. */
function byWeight({ refresh }: { readonly refresh: readonly string[] }): Strategy {
  return sketch(
    () => ({ list: [] as { readonly member: Member; readonly weight: number }[], total: 0 }),
    (_pool, _call, state, context) => {
      let left = context.random() * state.total;
      return state.list.find(({ weight }) => {
        left -= weight;
        return left < 0;
      })?.member;
    },
    (pool, state, change) => {
      // What is not renewed must still leave out who may not be picked, or another rule is broken first.
      const seen = refresh.includes(change) ? pool.eligible : state.list.map(({ member }) => member);
      const old = new Map(state.list.map(({ member, weight }) => [member, weight]));
      state.list = seen
        .filter((member) => pool.isEligible(member))
        .map((member) => ({
          member,
          weight: refresh.includes(change) ? member.weight : (old.get(member) ?? 0),
        }));
      state.total = state.list.reduce((sum, { weight }) => sum + weight, 0);
    },
  );
}

describe('strategyConformance on broken strategies', function () {
  this.timeout(30_000);

  for (const [mistake, rule, says, strategy, claims] of CASES) {
    it(`tells the author of one that ${mistake} which rule that breaks`, async () => {
      const { failed } = await conform({ name: mistake, strategy, seed: 7, ...claims }, rule);
      expect(failed.map(({ title }) => title)).to.deep.equal([rule]);
      const message = failed[0]?.message ?? '';
      expect(message).to.contain(`rule '${rule}': `);
      expect(message).to.match(says);
      expect(message).to.contain('repeat with seed: 7');
    });
  }
});
