import { peakEwma } from '@crowfly/strategies';
import { testCall, testPool } from '@crowfly/testkit';
import { expect } from 'chai';
import { at, connected, counts, picks } from './support/picking.js';

describe('peakEwma', () => {
  it('picks the faster of two that are equally busy', () => {
    const pool = testPool([{ latencyMs: 2000 }, { latencyMs: 100 }]);
    expect(counts(pool.members, picks(connected(peakEwma(), pool), 100))).to.deep.equal([0, 100]);
  });

  it('picks the slower one once the faster one has so much to do that one waits longer there', () => {
    const pool = testPool([
      { latencyMs: 250, inFlight: 0 },
      { latencyMs: 100, inFlight: 2 },
    ]);
    expect(counts(pool.members, picks(connected(peakEwma(), pool), 100))).to.deep.equal([100, 0]);
  });

  it('tries an instance that it never measured, with one call at a time', () => {
    const pool = testPool([{ latencyMs: 100 }, {}]);
    const balancer = connected(peakEwma(), pool);
    const fresh = at(pool, 1);
    expect(picks(balancer, 1)).to.deep.equal([fresh]);
    fresh.inFlight = 1;
    at(pool, 0).inFlight = 20;
    expect(counts(pool.members, picks(balancer, 100))).to.deep.equal([100, 0]);
  });

  it('spreads a cold start over all, by what is in flight', () => {
    const pool = testPool(10);
    const balancer = connected(peakEwma(), pool);
    for (let i = 0; i < 100; i++) for (const member of picks(balancer, 1)) member.inFlight++;
    for (const { inFlight } of pool.members) expect(inFlight).to.be.within(7, 13);
  });

  it('does not love an instance whose first call failed: no measurement is not being fast', () => {
    const pool = testPool([...Array.from({ length: 9 }, () => ({ latencyMs: 100 })), {}]);
    const failing = at(pool, 9);
    // Each of its calls fails at once: it is idle again, and still not measured.
    const [share = 0] = counts([failing], picks(connected(peakEwma(), pool), 10_000));
    expect(share).to.be.within(850, 1150);
  });

  it('balances by what is in flight when all averages have decayed to nothing', () => {
    const pool = testPool([
      { latencyMs: 0, inFlight: 1 },
      { latencyMs: 1e-9, inFlight: 0 },
    ]);
    expect(counts(pool.members, picks(connected(peakEwma(), pool), 100))).to.deep.equal([0, 100]);
  });

  it('breaks ties at random', () => {
    const pool = testPool(Array.from({ length: 4 }, () => ({ latencyMs: 100 })));
    for (const count of counts(pool.members, picks(connected(peakEwma(), pool), 4_000))) {
      expect(count).to.be.within(850, 1150);
    }
  });

  it('prefers an instance that the call has not been to over a faster one that failed it', () => {
    const pool = testPool([{ latencyMs: 1 }, { latencyMs: 5000 }]);
    const call = testCall();
    call.failedAt(at(pool, 0));
    expect(connected(peakEwma(), pool).pick(call)).to.equal(at(pool, 1));
  });

  it('gives a light instance its part of the calls to an idle service', () => {
    const pool = testPool([
      { weight: 1, latencyMs: 100 },
      { weight: 0.5, latencyMs: 100 },
    ]);
    const [, light = 0] = counts(pool.members, picks(connected(peakEwma(), pool), 9_000));
    expect(light).to.be.within(2_700, 3_300);
  });
});
