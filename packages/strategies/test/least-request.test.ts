import { leastRequest } from '@crowfly/strategies';
import { testCall, testPool } from '@crowfly/testkit';
import { expect } from 'chai';
import { at, connected, counts, picks } from './support/picking.js';

describe('leastRequest', () => {
  it('picks the less busy of two, always: it never draws one of them twice', () => {
    const pool = testPool([{ inFlight: 1 }, { inFlight: 0 }]);
    expect(counts(pool.members, picks(connected(leastRequest(), pool), 200))).to.deep.equal([0, 200]);
  });

  it('finds the least busy of all when it compares as many as there are', () => {
    const pool = testPool([3, 1, 4, 1, 5, 9, 2, 6, 0, 5].map((inFlight) => ({ inFlight })));
    const picked = picks(connected(leastRequest({ choices: 10 }), pool), 100);
    expect(new Set(picked)).to.deep.equal(new Set([at(pool, 8)]));
  });

  it('fills a thousand instances evenly: with ten calls each on average, no one has more than fourteen', () => {
    const pool = testPool(1000);
    const balancer = connected(leastRequest(), pool);
    for (let i = 0; i < 10_000; i++) for (const member of picks(balancer, 1)) member.inFlight++;
    expect(Math.max(...pool.members.map(({ inFlight }) => inFlight))).to.be.at.most(14);
  });

  it('obeys the weights of an idle service, even of two instances', () => {
    const pool = testPool([{ weight: 1 }, { weight: 0.5 }]);
    const [heavy = 0] = counts(pool.members, picks(connected(leastRequest(), pool), 9_000));
    expect(heavy).to.be.within(5_700, 6_300);
  });

  it('compares the load for the weight: two calls of weight 10 are less than one of weight 1', () => {
    const pool = testPool([
      { weight: 1, inFlight: 1 },
      { weight: 10, inFlight: 2 },
    ]);
    expect(counts(pool.members, picks(connected(leastRequest(), pool), 100))).to.deep.equal([0, 100]);
  });

  it('prefers an instance that the call has not been to over an idle one that failed it', () => {
    const pool = testPool([{ inFlight: 0 }, { inFlight: 50 }]);
    const balancer = connected(leastRequest(), pool);
    const call = testCall();
    call.failedAt(at(pool, 0));
    expect(balancer.pick(call)).to.equal(at(pool, 1));
  });

  it('rejects numbers of choices that make no sense', () => {
    for (const choices of [1, 11, 2.5, Number.NaN]) {
      expect(() => leastRequest({ choices })).to.throw(
        'leastRequest(...).choices: expected a whole number from 2 to 10',
      );
    }
    expect(() => leastRequest({ choice: 3 } as never)).to.throw("did you mean 'choices'?");
  });
});
