import { random } from '@crowfly/strategies';
import { testPool } from '@crowfly/testkit';
import { expect } from 'chai';
import { connected, counts, picks } from './support/picking.js';

describe('random', () => {
  it('draws in proportion to weights that differ a millionfold', () => {
    const pool = testPool([{ weight: 1e6 }, { weight: 1e6 }, { weight: 1 }, { weight: 0.001 }]);
    const [first = 0, second = 0, light = 0] = counts(pool.members, picks(connected(random(), pool), 20_000));
    expect(first).to.be.within(9_500, 10_500);
    expect(first + second + light).to.equal(20_000);
    expect(light).to.be.below(5);
  });

  it('answers for one instance, and for many with fractions as weights', () => {
    expect(picks(connected(random(), testPool([{ weight: 0.3 }])), 3)).to.have.lengthOf(3);
    const pool = testPool(Array.from({ length: 1000 }, (_, i) => ({ weight: (1 + i) / 3 })));
    const got = counts(pool.members, picks(connected(random(), pool), 50_000));
    const upper = got.slice(500).reduce((sum, count) => sum + count, 0);
    expect(upper / 50_000).to.be.within(0.74, 0.76);
  });
});
