import { DEFAULTS, type Snapshot } from '@crowfly/core';
import { expect } from 'chai';
import { idsOf, instance, many } from '../support/instances.js';
import { answering, type FakeTransport, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

const { holdMs } = DEFAULTS.guard;

async function ten(options: ConstructorParameters<typeof World>[0] = {}): Promise<World> {
  const world = new World(options);
  await world.serve(many(10));
  return world;
}

/** A transport that cannot connect to any of `dead`. */
function dying(dead: Set<string>): FakeTransport {
  return fakeTransport((one) => (dead.has(one.id) ? one.fail('not-sent', 'ECONNREFUSED') : one.answer()));
}

describe('the guard against vanishing instances', () => {
  afterEach(closeWorlds);

  it('keeps every instance usable through a mistaken empty set, with an event and one warning', async () => {
    const world = await ten();
    world.registry.last().publish([]);
    expect(world.eligible).to.have.length(10);
    expect(world.events('guard')).to.deep.equal([
      { service: 'orders', registry: 'scripted:test', held: 10, of: 10, holdMs },
    ]);
    expect(world.logged.filter((line) => line.includes('vanished'))).to.have.length(1);
    const transport = fakeTransport(answering());
    for (let n = 0; n < 100; n++) expect((await world.called(transport)).state).to.equal('answered');
    expect(await world.engine.instances('orders'), 'what the registry says is told as it is').to.deep.equal(
      [],
    );
  });

  it('lets the held ones go when the hold ends', async () => {
    const world = await ten();
    world.registry.last().publish([]);
    await world.clock.advance(holdMs - 1);
    expect(world.eligible).to.have.length(10);
    await world.clock.advance(1);
    expect(world.eligible).to.deep.equal([]);
    expect(world.events('left')).to.have.length(10);
    const call = await world.called(fakeTransport(answering()));
    expect(call.error).to.include({ code: 'no-instances' });
  });

  it('holds those that vanish when more than half do, and believes a smaller loss', async () => {
    const believed = await ten();
    believed.registry.last().publish(many(5));
    expect(believed.eligible).to.have.length(5);
    expect(believed.events('guard')).to.deep.equal([]);

    const doubted = await ten();
    doubted.registry.last().publish(many(4));
    expect(doubted.eligible).to.have.length(10);
    expect(doubted.events('guard')[0]).to.include({ held: 6, of: 10 });
  });

  it('believes that the only instance of a service was replaced, and doubts that it vanished', async () => {
    const world = new World();
    await world.serve([instance('a')]);
    world.registry.last().publish([instance('b')]);
    expect(world.eligible).to.deep.equal(['b']);
    world.registry.last().publish([]);
    expect(world.eligible).to.deep.equal(['b']);
  });

  it('believes a set that is replaced by one of equal size', async () => {
    const world = await ten();
    const next = many(20).slice(10);
    world.registry.last().publish(next);
    expect(world.eligible).to.deep.equal(idsOf(next));
    expect(world.events('guard')).to.deep.equal([]);
  });

  it('believes at once that instances are gone which were draining', async () => {
    const world = new World();
    const draining = many(10).map((one, n) => (n < 9 ? { ...one, state: 'draining' as const } : one));
    await world.serve(draining);
    world.registry.last().publish(draining.slice(9));
    expect(world.pool.members).to.have.length(1);
    world.registry.last().publish([]);
    expect(world.pool.members).to.have.length(1);
  });

  it('believes at once that an instance is gone which cannot be connected to anyway', async () => {
    const world = await ten();
    const dead = new Set(['i0']);
    while (world.events('ejected').length === 0) await world.called(dying(dead));
    world.registry.last().publish([]);
    expect(world.pool.members).to.have.length(9);
    expect(world.events('guard')[0]?.held).to.equal(9);
  });

  it('gives a held instance up at its first failed connect, and the call goes elsewhere', async () => {
    const world = await ten();
    world.registry.last().publish([]);
    const transport = dying(new Set(['i3', 'i4']));
    for (let n = 0; n < 20; n++) expect((await world.called(transport)).state).to.equal('answered');
    expect(world.pool.members).to.have.length(8);
    expect(transport.ids.filter((id) => id === 'i3')).to.have.length(1);
    expect(transport.ids.filter((id) => id === 'i4')).to.have.length(1);
  });

  it('notices a real scale to zero within a few calls', async () => {
    const world = await ten();
    world.registry.last().publish([]);
    const transport = dying(new Set(idsOf(many(10))));
    let calls = 0;
    while (world.pool.members.length > 0) {
      await world.called(transport);
      calls++;
    }
    expect(calls).to.be.at.most(10);
    expect(transport.ids).to.have.length(10);
  });

  it('takes back whoever returns during the hold, as a change of the set', async () => {
    const world = await ten();
    const snapshots: Snapshot[] = [];
    world.engine.watch('orders', (snapshot) => snapshots.push(snapshot));
    world.registry.last().publish([]);
    await world.clock.advance(1_000);
    world.registry.last().publish(many(10));
    await world.clock.advance(2 * holdMs);
    expect(world.eligible).to.have.length(10);
    expect(world.events('left')).to.deep.equal([]);
    const seen = snapshots.map((snapshot) => (snapshot.status === 'ready' ? snapshot : undefined));
    expect(seen.map((one) => one?.endpoints.length)).to.deep.equal([10, 0, 10]);
    expect(seen.map((one) => one?.version)).to.deep.equal([1, 2, 3]);
    expect(world.events('snapshot').map(({ version }) => version)).to.deep.equal([1, 2, 3]);
  });

  it('holds anew when the set flaps', async () => {
    const world = await ten();
    for (let round = 0; round < 20; round++) {
      world.registry.last().publish([]);
      await world.clock.advance(holdMs - 1_000);
      expect(world.eligible).to.have.length(10);
      world.registry.last().publish(many(10));
      await world.clock.advance(1_000);
    }
    expect(world.events('left')).to.deep.equal([]);
  });

  it('guards each further loss by what the set named before it', async () => {
    const world = await ten();
    world.registry.last().publish(many(4));
    world.registry.last().publish(many(1));
    expect(world.eligible).to.have.length(10);
    expect(world.events('guard').map(({ held }) => held)).to.deep.equal([6, 3]);
  });

  it('holds as well when the registry says that there is no such service', async () => {
    const world = await ten();
    world.registry.last().unknown('it was deleted');
    const transport = fakeTransport(answering());
    expect((await world.called(transport)).state).to.equal('answered');
    await world.clock.advance(holdMs);
    const call = await world.called(transport);
    expect(call.error).to.include({ code: 'unknown-service' });
  });

  it('replaces a held instance whose id comes back with another address', async () => {
    const world = await ten();
    world.registry.last().publish([]);
    world.registry.last().publish([{ ...many(1)[0], port: 9999 }]);
    const ports = world.pool.members.filter(({ endpoint }) => endpoint.id === 'i0');
    expect(ports.map(({ endpoint }) => endpoint.port)).to.deep.equal([9999]);
  });

  it('can be switched off, shortened, and made stricter', async () => {
    const off = await ten({ defaults: { guard: { maxLossShare: 1 } } });
    off.registry.last().publish([]);
    expect(off.eligible).to.deep.equal([]);

    const short = await ten({ defaults: { guard: { holdMs: 100 } } });
    short.registry.last().publish([]);
    await short.clock.advance(100);
    expect(short.eligible).to.deep.equal([]);

    const strict = await ten({ services: { orders: { guard: { maxLossShare: 0.1 } } } });
    strict.registry.last().publish(many(8));
    expect(strict.eligible).to.have.length(10);
  });

  it('changes nothing in the pools while it holds, and once when it lets go', async () => {
    const world = await ten();
    const { updates } = world.recorded.balancers[0]!;
    const before = updates.length;
    world.registry.last().publish([]);
    world.registry.last().publish([]);
    expect(updates.length).to.equal(before);
    await world.clock.advance(holdMs);
    expect(updates.slice(before)).to.deep.equal(['members']);
  });
});
