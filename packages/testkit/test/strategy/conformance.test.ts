import type { Member } from '@crowfly/core';
import { strategyConformance } from '@crowfly/testkit';
import { expect } from 'chai';
import { conform } from './support/run.js';
import { anyUntried, sketch } from './support/sketch.js';

const uniform = sketch(
  () => undefined,
  (pool, call, _, context) => anyUntried(pool.eligible, call, context),
);

/** Rendezvous hashing in its simplest form: the highest score among those not tried. */
const rendezvous = sketch(
  (context) => ({ salt: Math.floor(context.random() * 2 ** 32), hashes: new WeakMap<Member, number>() }),
  (pool, call, { salt, hashes }) => {
    let best: Member | undefined;
    let highest = -1;
    for (const member of pool.eligible) {
      const own = hashes.get(member) ?? textHash(member.endpoint.id);
      hashes.set(member, own);
      const score = mix(own ^ (call.hasKey ? call.hash : salt));
      if (score <= highest || (best !== undefined && call.tried(member))) continue;
      best = member;
      highest = call.tried(member) ? -1 : score;
    }
    return best;
  },
);

function textHash(text: string): number {
  let hash = 0;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x0100_0193);
  return hash;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  // 31 bits: a number that V8 keeps without allocating.
  return (mixed ^ (mixed >>> 16)) >>> 1;
}

describe('strategyConformance', function () {
  this.timeout(30_000);

  it('passes a strategy that does what it must, and asks for no more than is claimed', async () => {
    const { passed, failed } = await conform({ name: 'uniform', strategy: uniform });
    expect(failed).to.deep.equal([]);
    expect(passed).to.include('picks only eligible members');
    expect(passed).to.not.include('shares the picks as claimed');
    expect(passed).to.not.include('equal keys go to the same member');
  });

  it('passes a strategy that keeps its claims', async () => {
    const { failed } = await conform({
      name: 'uniform',
      strategy: uniform,
      shares: 'even',
      constantCost: true,
    });
    expect(failed).to.deep.equal([]);
  });

  it('holds a keyed strategy to its keys', async () => {
    const { passed, failed } = await conform({ name: 'rendezvous', strategy: rendezvous, keyed: true });
    expect(failed).to.deep.equal([]);
    expect(passed).to.include.members([
      'equal keys go to the same member',
      'keys are spread over the members',
      'each try of a key has a choice of its own, always the same one',
      'a key comes home when its member is restored',
    ]);
  });

  it('fails in the same way when it is repeated with the seed of the message', async () => {
    const forgetful = sketch(
      () => undefined,
      (pool, call, _, context) =>
        context.random() < 0.1 ? undefined : anyUntried(pool.eligible, call, context),
    );
    const rule = 'always picks while a member is eligible';
    const first = await conform({ name: 'forgetful', strategy: forgetful }, rule);
    const seed = Number(/repeat with seed: (\d+)/.exec(first.failed[0]?.message ?? '')?.[1]);
    const second = await conform({ name: 'forgetful', strategy: forgetful, seed }, rule);
    expect(second.failed).to.deep.equal(first.failed);
  });

  it('rejects misspelt claims with a suggestion', () => {
    const declare = (): void => strategyConformance({ name: 'x', strategy: uniform, share: 'even' } as never);
    expect(declare).to.throw(
      "strategyConformance(...).share: there is no such option; did you mean 'shares'?",
    );
  });
});
