import type { Endpoint } from '@crowfly/core';
import { expect } from 'chai';
import { many } from '../support/instances.js';
import { Failed, type FakeTransport, fakeTransport } from '../support/transport.js';
import { type Call, closeWorlds, World } from '../support/world.js';

/** Instances that answer after 5 ms, while they live. */
class Fleet {
  readonly world: World;
  readonly alive = new Set<string>();
  readonly tries = new Map<string, number>();
  readonly transport: FakeTransport;
  readonly calls: Call[] = [];

  constructor(world: World) {
    this.world = world;
    this.transport = fakeTransport((one) => {
      this.tries.set(one.id, (this.tries.get(one.id) ?? 0) + 1);
      if (!this.alive.has(one.id)) return one.fail('not-sent', 'ECONNREFUSED');
      world.clock.after(5, () =>
        this.alive.has(one.id) ? one.answer() : one.fail('no-answer', 'ECONNRESET'),
      );
    });
    world.probe = async ({ id }) => (this.alive.has(id) ? 'accepts' : 'refuses');
  }

  /** `perSecond` calls, evenly, for `ms`. */
  async load(ms: number, perSecond: number): Promise<void> {
    const step = 1_000 / perSecond;
    for (let at = 0; at < ms; at += step) {
      this.calls.push(this.world.call(this.transport));
      this.transport.tries.length = 0;
      await this.world.clock.advance(step);
    }
  }

  async settled(): Promise<Call[]> {
    await this.world.clock.advance(40_000);
    return this.calls.filter(({ state }) => state !== 'answered');
  }
}

async function serving(endpoints: readonly Endpoint[]): Promise<Fleet> {
  const world = new World();
  await world.serve(endpoints);
  const fleet = new Fleet(world);
  for (const { id } of endpoints) fleet.alive.add(id);
  return fleet;
}

describe('what callers notice', () => {
  afterEach(closeWorlds);

  it('of one instance in four that is killed, under 1000 calls per second: nothing, and few tries go there', async () => {
    const fleet = await serving(many(4));
    await fleet.load(500, 1_000);
    fleet.alive.delete('i2');
    fleet.tries.clear();
    await fleet.load(3_000, 1_000);
    expect(fleet.tries.get('i2') ?? 0, 'tries to the dead one').to.be.at.most(5);
    expect(await fleet.settled()).to.deep.equal([]);
    expect(fleet.world.events('ejected').map(({ endpoint }) => endpoint.id)).to.deep.equal(['i2']);
  }).timeout(30_000);

  it('of its return: nothing, and it has its share again within two seconds', async () => {
    const fleet = await serving(many(4));
    fleet.alive.delete('i2');
    await fleet.load(2_000, 200);
    fleet.alive.add('i2');
    await fleet.load(2_000, 200);
    fleet.tries.clear();
    await fleet.load(1_000, 200);
    expect(fleet.tries.get('i2')).to.be.within(40, 60);
    expect(await fleet.settled()).to.deep.equal([]);
  }).timeout(30_000);

  it('of a rolling deploy of 20 instances with 10 s of draining each: nothing', async () => {
    let set = many(20);
    const fleet = await serving(set);
    const { world } = fleet;
    for (let old = 0; old < 20; old++) {
      const fresh = { id: `new${old}`, host: `10.2.0.${old}`, port: 8080 };
      fleet.alive.add(fresh.id);
      set = [
        ...set.map((one) => (one.id === `i${old}` ? { ...one, state: 'draining' as const } : one)),
        fresh,
      ];
      world.registry.last().publish(set);
      await fleet.load(10_000, 20);
      set = set.filter(({ id }) => id !== `i${old}`);
      world.registry.last().publish(set);
      fleet.alive.delete(`i${old}`);
    }
    expect(await fleet.settled()).to.deep.equal([]);
    expect(world.events('retry')).to.deep.equal([]);
    expect(world.events('left')).to.have.length(20);
  }).timeout(60_000);

  it('of a registry that says nothing is left, while all is well, and of its hour of outage: nothing', async () => {
    const fleet = await serving(many(10));
    const { world } = fleet;
    world.registry.last().publish([]);
    await fleet.load(10_000, 20);
    world.registry.last().publish(many(10));
    world.registry.onWatch = (watch) => watch.fail(new Error('down'));
    world.registry.last().fail(new Error('down'));
    await world.clock.advance(3_600_000);
    await fleet.load(10_000, 20);
    expect(await fleet.settled()).to.deep.equal([]);
    expect(world.events('retry')).to.deep.equal([]);
  }).timeout(60_000);

  it('of an outage of everything: errors that say so, and service again within seconds of its end', async () => {
    const fleet = await serving(many(4));
    const { world } = fleet;
    fleet.alive.clear();
    await fleet.load(30_000, 10);
    for (const { id } of many(4)) fleet.alive.add(id);
    const failed = fleet.calls.splice(0);
    expect(
      failed.every(({ error }) => (error as { cause?: unknown } | undefined)?.cause instanceof Failed),
    ).to.equal(true);
    await fleet.load(1_000, 10);
    fleet.calls.length = 0;
    await fleet.load(20_000, 20);
    expect(await fleet.settled()).to.deep.equal([]);
    expect(world.eligible).to.have.length(4);
  }).timeout(60_000);
});
