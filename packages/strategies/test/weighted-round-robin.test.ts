import { weightedRoundRobin } from '@crowfly/strategies';
import { testPool } from '@crowfly/testkit';
import { expect } from 'chai';
import fc from 'fast-check';
import { at, connected, counts, picks } from './support/picking.js';

const weighing = (...weights: number[]) => testPool(weights.map((weight) => ({ weight })));

describe('weightedRoundRobin', () => {
  it('gives weights 5, 1, 1 five, one and one of every seven turns, and never five in a row', () => {
    const pool = weighing(5, 1, 1);
    const ids = picks(connected(weightedRoundRobin(), pool), 70).map((member) =>
      pool.members.indexOf(member),
    );
    for (let from = 0; from + 7 <= ids.length; from += 7) {
      const turns = ids.slice(from, from + 7);
      expect(turns.filter((index) => index === 0)).to.have.lengthOf(5);
      expect(turns.filter((index) => index === 1)).to.have.lengthOf(1);
    }
    expect(ids.join('')).to.not.contain('00000');
  });

  it('is never two turns away from the exact share, from wherever one starts to count', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(weights, fc.integer(), (list, seed) => {
        const pool = weighing(...list);
        const total = list.reduce((sum, weight) => sum + weight, 0);
        const picked = picks(connected(weightedRoundRobin(), pool, seed), 200);
        list.forEach((weight, index) => {
          let low = 0;
          let high = 0;
          let got = 0;
          picked.forEach((member, i) => {
            if (member === pool.members[index]) got++;
            const off = got - ((i + 1) * weight) / total;
            low = Math.min(low, off);
            high = Math.max(high, off);
          });
          expect(high - low, `weight ${weight} of ${total}`).to.be.below(2);
        });
      }),
    );
  });

  it('takes plain turns while all weights are equal, whatever they are', () => {
    const pool = weighing(7, 7, 7, 7);
    const picked = picks(connected(weightedRoundRobin(), pool), 12);
    expect(counts(pool.members, picked)).to.deep.equal([3, 3, 3, 3]);
  });

  for (const [order, options] of [
    ['smooth', { smoothUpTo: 1000 }],
    ['stride', { smoothUpTo: 0 }],
  ] as const) {
    it(`lets a light instance come to its turn while weights are refreshed before every pick (${order})`, () => {
      const pool = weighing(1, ...Array.from({ length: 9 }, () => 100));
      const balancer = connected(weightedRoundRobin(options), pool);
      let light = 0;
      for (let i = 0; i < 9010; i++) {
        pool.weigh(at(pool, 1 + (i % 9)), 100 + (i % 2));
        if (picks(balancer, 1)[0] === at(pool, 0)) light++;
      }
      expect(light).to.be.within(7, 14);
    });

    it(`keeps shares exact when one instance weighs more than all others together (${order})`, () => {
      const pool = weighing(1000, ...Array.from({ length: 100 }, () => 1));
      const picked = picks(connected(weightedRoundRobin(options), pool), 11_000);
      const [heavy = 0, ...light] = counts(pool.members, picked);
      expect(heavy).to.be.within(9_980, 10_020);
      for (const count of light) expect(count).to.be.within(8, 12);
    });

    it(`leaves the shares of the others alone while an instance flaps (${order})`, () => {
      const pool = weighing(1, 2, 3, 4, 10);
      const balancer = connected(weightedRoundRobin(options), pool);
      const picked = [];
      for (let i = 0; i < 4000; i++) {
        if (i % 7 === 0) pool.eject(at(pool, 4));
        if (i % 7 === 3) pool.restore(at(pool, 4));
        picked.push(...picks(balancer, 1));
      }
      const [one = 0, ...rest] = counts(pool.members, picked);
      rest.slice(0, 3).forEach((count, i) => {
        expect(count / one, `weight ${i + 2}`).to.be.within(0.7 * (i + 2), 1.4 * (i + 2));
      });
    });
  }

  it('rejects options that it does not have', () => {
    expect(() => weightedRoundRobin({ smoothUpto: 3 } as never)).to.throw("did you mean 'smoothUpTo'?");
    expect(() => weightedRoundRobin({ smoothUpTo: -1 })).to.throw('weightedRoundRobin(...).smoothUpTo');
  });
});
