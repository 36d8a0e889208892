import type { Balancer } from '@crowfly/core';
import { testCall, testPool } from '@crowfly/testkit';
import { expect } from 'chai';

function listener(): { balancer: Balancer; changes: string[] } {
  const changes: string[] = [];
  return { changes, balancer: { update: (_, change) => void changes.push(change), pick: () => undefined } };
}

describe('testPool', () => {
  it('tells connected balancers of every change, by its kind', () => {
    const pool = testPool(2);
    const { balancer, changes } = listener();
    pool.connect(balancer);
    const member = pool.add({ weight: 3 });
    pool.weigh(member, 5);
    pool.eject(member);
    pool.restore(member);
    pool.remove(member);
    expect(changes).to.deep.equal(['members', 'members', 'weights', 'eligibility', 'eligibility', 'members']);
  });

  it('keeps eligible dense as the engine does: the last one moves into the hole', () => {
    const pool = testPool(4);
    const [first, second, third, last] = pool.members;
    if (second === undefined) throw new Error('four were asked for');
    pool.eject(second);
    expect(pool.eligible).to.deep.equal([first, last, third]);
    expect(pool.members).to.have.lengthOf(4);
    expect(pool.isEligible(second)).to.equal(false);
    pool.restore(second);
    expect(pool.eligible).to.deep.equal([first, last, third, second]);
  });

  it('restores no one who left or is there', () => {
    const pool = testPool(2);
    const [first, second] = pool.members;
    if (first === undefined || second === undefined) throw new Error('two were asked for');
    pool.remove(first);
    pool.restore(first);
    pool.restore(second);
    expect(pool.eligible).to.deep.equal([second]);
  });

  it('adds up the calls in flight', () => {
    const pool = testPool([{ inFlight: 2 }, { inFlight: 3 }]);
    expect(pool.inFlight).to.equal(5);
  });
});

describe('testCall', () => {
  it('goes on to the next try with what failed as tried', () => {
    const [member, other] = testPool(2).members;
    const call = testCall({ hash: -1 });
    expect(call).to.include({ attempt: 0, hasKey: true, hash: 0xffff_ffff });
    if (member === undefined || other === undefined) throw new Error('two were asked for');
    call.failedAt(member);
    expect(call.attempt).to.equal(1);
    expect([call.tried(member), call.tried(other)]).to.deep.equal([true, false]);
  });
});
