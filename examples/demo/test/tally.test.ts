import { expect } from 'chai';
import { percentile, Tally } from '../src/tally.js';

describe('the figures of the demo', () => {
  it('have percentiles by the nearest rank', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    expect([50, 99, 100].map((percent) => percentile(hundred, percent))).to.deep.equal([50, 99, 100]);
    expect([50, 99].map((percent) => percentile([1, 2, 3], percent))).to.deep.equal([2, 3]);
    expect(percentile([], 99)).to.equal(0);
  });

  it('take shares from all answers, latencies from the good ones, and keep phases apart', () => {
    const tally = new Tally();
    tally.record('steady', { ms: 10, instance: 'a' });
    tally.record('steady', { ms: 30, instance: 'b' });
    tally.record('kill', { ms: 20, instance: 'a' });
    tally.record('kill', { ms: 1, instance: 'b', failure: 'status 503' });
    tally.record('kill', { ms: 2, failure: 'ECONNREFUSED' });
    tally.record('kill', { ms: 2, failure: 'ECONNREFUSED' });
    expect(tally).to.include({ calls: 6, failures: 3 });
    const steady = { calls: 2, failures: 0, p50Ms: 10, p99Ms: 30, share: { a: 0.5, b: 0.5 } };
    expect(tally.during('steady')).to.deep.equal(steady);
    const kill = { calls: 4, failures: 3, p50Ms: 20, p99Ms: 20, share: { a: 0.5, b: 0.5 } };
    expect(tally.during('kill')).to.deep.equal(kill);
    expect(tally.last(60_000, 'a')).to.include({ calls: 2, failures: 0 });
    expect(tally.reasons()).to.deep.equal([
      ['ECONNREFUSED', 2],
      ['status 503', 1],
    ]);
  });
});
