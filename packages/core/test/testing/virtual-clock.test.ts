import { seededRandom, settle, VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';

describe('the virtual clock', () => {
  it('fires what falls due, in order, each at its own time, with promises in between', async () => {
    const clock = new VirtualClock(100);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name} at ${clock.now()}`);
    clock.after(20, note('b'));
    clock.after(10, note('a'));
    clock.after(20, note('c'));
    clock.after(10, () => void Promise.resolve().then(note('promise')));
    clock.after(15, () => void clock.after(1, note('nested')));
    clock.after(30, note('late')).cancel();
    clock.after(50, note('not yet'));
    await clock.advance(40);
    expect(fired).to.deep.equal(['a at 110', 'promise at 110', 'nested at 116', 'b at 120', 'c at 120']);
    expect(clock.now()).to.equal(140);
    expect(clock.pending).to.equal(1);
  });

  it('can move without running promises', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.after(5, () => fired.push(1));
    clock.after(-5, () => fired.push(0));
    clock.advanceSync(5);
    expect(fired).to.deep.equal([0, 1]);
  });

  it('lets promises settle', async () => {
    let done = false;
    void (async () => {
      for (let n = 0; n < 50; n++) await undefined;
      done = true;
    })();
    await settle();
    expect(done).to.equal(true);
  });
});

describe('seeded randomness', () => {
  it('is the same for the same seed, uniform, and never 1', () => {
    const [one, same, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
    const values = Array.from({ length: 20_000 }, () => one());
    expect(values.slice(0, 100)).to.deep.equal(Array.from({ length: 100 }, () => same()));
    expect(values[0]).not.to.equal(other());
    expect(Math.min(...values)).to.be.at.least(0);
    expect(Math.max(...values)).to.be.below(1);
    const buckets = new Array<number>(10).fill(0);
    for (const value of values) buckets[Math.floor(value * 10)]!++;
    const chiSquared = buckets.reduce((sum, count) => sum + (count - 2_000) ** 2 / 2_000, 0);
    expect(chiSquared, 'chi squared, 9 degrees of freedom').to.be.below(27.9);
  });
});
