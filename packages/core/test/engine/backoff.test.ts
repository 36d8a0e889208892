import { seededRandom } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { closeWorlds, World } from '../support/world.js';

const DOWN = new Error('connect ECONNREFUSED 10.0.0.9:8500');

/** A registry that fails for `outageMs`, then delivers. @returns how long after the end of the outage the set is fresh */
async function freshAfter(outageMs: number, seed: number): Promise<number> {
  const world = new World({ seed });
  await world.serve(instances('a'));
  const backAt = world.clock.now() + outageMs;
  world.registry.onWatch = (watch) => {
    if (world.clock.now() < backAt) watch.fail(DOWN);
    else watch.publish(instances('a', 'b'));
  };
  world.registry.last().fail(DOWN);
  await world.clock.advance(outageMs);
  let waited = 0;
  while (world.events('snapshot').length < 2) {
    waited += 100;
    await world.clock.advance(100);
  }
  await world.close();
  return waited;
}

describe('the waits of a registry that fails', () => {
  afterEach(closeWorlds);

  it('are over within 2 s after an outage of less than 5 s', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const outageMs = 5_000 * seededRandom(seed)();
      expect(await freshAfter(outageMs, seed), `seed ${seed}, outage ${outageMs} ms`).to.be.at.most(2_000);
    }
  });

  it('are over within 60 s after a longer one', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const outageMs = 60_000 + 600_000 * seededRandom(seed)();
      expect(await freshAfter(outageMs, seed), `seed ${seed}, outage ${outageMs} ms`).to.be.at.most(60_000);
    }
  });

  it('wake the watches of 50 services together, and ask no more than 0.22 times per second for each', async () => {
    const world = new World();
    const names = Array.from({ length: 50 }, (_, index) => `service-${index}`);
    for (const name of names) await world.serve(instances('a'), name);
    world.registry.onWatch = (watch) => watch.fail(DOWN);
    const before = world.registry.watches.length;
    for (const watch of world.registry.open) watch.fail(DOWN);
    await world.clock.advance(600_000);
    const attempts = world.registry.watches.slice(before);
    expect(attempts.length / 50 / 600, 'requests per second and watch').to.be.at.most(0.22);
    const moments = new Set(attempts.map(({ startedAt }) => startedAt));
    expect(attempts.length / moments.size, 'watches that start in one moment').to.be.at.least(45);
  });

  it('are one for each service: a forbidden service does not slow down the others', async () => {
    const world = new World();
    world.registry.onWatch = (watch) => {
      if (watch.service.key === 'forbidden') watch.fail(new Error('403'));
    };
    world.engine.watch('forbidden', () => {});
    await world.clock.advance(600_000);
    await world.serve(instances('a'));
    const watches = world.registry.watches.filter(({ service }) => service.key === 'orders');
    world.registry.last('orders').fail(DOWN);
    await world.clock.advance(1_000);
    expect(world.registry.watches.filter(({ service }) => service.key === 'orders').length).to.be.greaterThan(
      watches.length,
    );
  });

  it('start over after healthy time, and not before', async () => {
    for (const healthyMs of [1_000, 130_000]) {
      const world = new World();
      world.registry.onWatch = (watch) => watch.fail(DOWN);
      world.engine.watch('orders', () => {});
      await world.clock.advance(600_000);
      world.registry.onWatch = (watch) => watch.publish(instances('a'));
      await world.clock.advance(60_000);
      await world.clock.advance(healthyMs - 60_000 > 0 ? healthyMs : 0);
      const watches = world.registry.watches.length;
      world.registry.onWatch = undefined;
      world.registry.last().fail(DOWN);
      await world.clock.advance(2_000);
      expect(world.registry.watches.length - watches, `healthy for ${healthyMs} ms`).to.equal(
        healthyMs > 120_000 ? 1 : 0,
      );
      await world.close();
    }
  });
});
