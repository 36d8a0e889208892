import { leastRequest, peakEwma, random, roundRobin, weightedRoundRobin } from '@crowfly/strategies';
import { expect } from 'chai';
import { HeapClock } from '../src/simulation/heap-clock.js';
import { BARE, simulate, type Tally, type World } from '../src/simulation/world.js';

const share = ({ tries }: Tally, id: string): number =>
  (tries.get(id) ?? 0) / [...tries.values()].reduce((sum, count) => sum + count, 0);

/** Five servers; from the second second on the first one is bad. */
const oneBad = (bad: { status: number; ms: number }): World => ({
  rate: 400,
  lengthMs: 12_000,
  window: [2_000, 12_000],
  servers: () =>
    Array.from({ length: 5 }, (_, i) => ({
      id: `server-${i}`,
      work: (now) => (i === 0 && now >= 2_000 ? bad : { status: 200, ms: 50 }),
    })),
});

describe('the simulated world', function () {
  this.timeout(30_000);

  it('gives the same figures for the same seed, and others for another', async () => {
    const world = oneBad({ status: 200, ms: 2000 });
    const [one, again, other] = await Promise.all([1, 1, 2].map((seed) => simulate(world, peakEwma(), seed)));
    expect(one).to.deep.equal(again);
    expect(one?.calls).to.not.equal(other?.calls);
  });

  for (const [name, strategy] of Object.entries({
    roundRobin,
    weightedRoundRobin,
    random,
    leastRequest,
    peakEwma,
  })) {
    it(`shows that an instance that fails at once attracts nothing under ${name}, and no caller sees it`, async () => {
      const tally = await simulate(oneBad({ status: 503, ms: 1 }), strategy(), 1);
      expect(share(tally, 'server-0')).to.be.below(0.01);
      expect(tally.successes).to.equal(tally.calls);
    });
  }

  it('shows that peak EWMA leaves an instance that became slow, where round robin goes on', async () => {
    const world = { ...oneBad({ status: 200, ms: 2000 }), behaviour: BARE };
    expect(share(await simulate(world, peakEwma(), 1), 'server-0')).to.be.below(0.02);
    expect(share(await simulate(world, roundRobin(), 1), 'server-0')).to.be.within(0.19, 0.21);
  });
});

describe('HeapClock', () => {
  it('fires timers in the order of their time, and of their start when that is equal', async () => {
    const clock = new HeapClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('late'));
    clock.after(10, () => fired.push('early'));
    clock.after(10, () => fired.push('early too'));
    clock.after(15, () => fired.push('cancelled')).cancel();
    clock.after(5, () => clock.after(1, () => fired.push('started meanwhile')));
    const start = clock.now();
    await clock.advance(30);
    expect(fired).to.deep.equal(['started meanwhile', 'early', 'early too', 'late']);
    expect(clock.now()).to.equal(start + 30);
  });
});
