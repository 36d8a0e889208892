import { roundRobin } from '@crowfly/strategies';
import { testCall, testPool } from '@crowfly/testkit';
import { expect } from 'chai';
import { at, connected, counts, picks } from './support/picking.js';

describe('roundRobin', () => {
  it('takes every instance once before any of them twice', () => {
    const pool = testPool(7);
    const picked = picks(connected(roundRobin(), pool), 21);
    expect(counts(pool.members, picked)).to.deep.equal([3, 3, 3, 3, 3, 3, 3]);
    expect(new Set(picked.slice(0, 7)).size).to.equal(7);
  });

  it('goes on where it was when the set is delivered anew', () => {
    const pool = testPool(5);
    const balancer = connected(roundRobin(), pool);
    const picked = picks(balancer, 10).map((member, i) => {
      if (i % 2 === 0) balancer.update(pool, 'members');
      return member;
    });
    expect(counts(pool.members, picked)).to.deep.equal([2, 2, 2, 2, 2]);
  });

  it('gives no one more than a fair share while an instance flaps', () => {
    const pool = testPool(5);
    const balancer = connected(roundRobin(), pool);
    const flapping = at(pool, 4);
    const picked = [];
    for (let i = 0; i < 2000; i++) {
      if (i % 3 === 0) pool.eject(flapping);
      if (i % 3 === 1) pool.restore(flapping);
      picked.push(...picks(balancer, 1));
    }
    for (const count of counts(pool.members.slice(0, 4), picked)) expect(count).to.be.within(330, 550);
  });

  it('sends the retry of a call to the next one', () => {
    const pool = testPool(3);
    const balancer = connected(roundRobin(), pool);
    const call = testCall();
    const tried = [0, 1, 2].map(() => {
      const member = balancer.pick(call);
      if (member !== undefined) call.failedAt(member);
      return member;
    });
    expect(new Set(tried).size).to.equal(3);
  });
});
