import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { closeWorlds, World } from '../support/world.js';

describe('the latency of an instance', () => {
  afterEach(closeWorlds);

  const latencyOf = async (world: World): Promise<number | undefined> =>
    (await world.engine.explain('orders')).instances[0]?.latencyMs;

  async function answered(world: World, ...latencies: readonly number[]): Promise<void> {
    for (const ms of latencies) {
      const lease = await world.engine.acquire('orders');
      await world.clock.advance(ms);
      lease.responded(200);
      lease.done({ kind: 'answered' });
    }
  }

  async function oneInstance(): Promise<World> {
    const world = new World();
    await world.serve(instances('a'));
    return world;
  }

  it('is unknown until the third answer, so that a cold start is forgotten', async () => {
    const world = await oneInstance();
    await answered(world, 500, 300);
    expect(await latencyOf(world)).to.equal(undefined);
    await answered(world, 10);
    expect(await latencyOf(world)).to.equal(10);
  });

  it('does not follow a single slow answer, and follows two in a row at once', async () => {
    const world = await oneInstance();
    await answered(world, 10, 10, 10, 400);
    expect(await latencyOf(world)).to.be.within(10, 30);
    await answered(world, 10, 400, 350);
    expect(await latencyOf(world)).to.equal(350);
  });

  it('follows a call that was given up at once: it would have taken at least that long', async () => {
    const world = await oneInstance();
    await answered(world, 10, 10, 10);
    const lease = await world.engine.acquire('orders');
    await world.clock.advance(2_000);
    lease.done({ kind: 'canceled' });
    expect(await latencyOf(world)).to.equal(2_000);
  });

  it('decays while nobody asks: e times less after ten seconds', async () => {
    const world = await oneInstance();
    await answered(world, 10, 100, 100);
    await world.clock.advance(10_000);
    expect(await latencyOf(world)).to.be.closeTo(100 / Math.E, 0.01);
  });
});
