import { expect } from 'chai';
import { idsOf, instance, instances, many } from '../support/instances.js';
import { fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

/** Ejects `id` by a refused connect. */
async function eject(world: World, id: string): Promise<void> {
  const transport = fakeTransport((one) => (one.id === id ? one.fail('not-sent') : one.answer()));
  const before = world.events('ejected').length;
  while (world.events('ejected').length === before) await world.called(transport);
}

describe('members of a service', () => {
  afterEach(closeWorlds);

  it('stay the same records while id, host, port and protocol stay', async () => {
    const world = new World();
    await world.serve(instances('a', 'b'));
    const [before] = world.pool.members;
    world.registry
      .last()
      .publish([
        { ...instance('a'), weight: 5, zone: 'z', metadata: { v: '2' }, state: 'draining' },
        instance('b'),
      ]);
    expect(world.pool.members[0]).to.equal(before);
    expect(before?.endpoint).to.deep.include({ zone: 'z', state: 'draining' });
    expect(before?.weight).to.equal(5);
    for (const change of [{ host: '10.9.9.9' }, { port: 1 }, { protocol: 'https' as const }]) {
      const [old] = world.pool.members;
      world.registry.last().publish([{ ...instance('a'), ...change }, instance('b')]);
      expect(
        world.pool.members.find(({ endpoint }) => endpoint.id === 'a'),
        Object.keys(change)[0],
      ).not.to.equal(old);
    }
  });

  it('are untouched by an unchanged set, in whatever order it comes, as new or as the same objects', async () => {
    const world = new World();
    const list = many(20);
    await world.serve(list);
    const told = world.seen.length;
    const snapshots: unknown[] = [];
    world.engine.watch('orders', (snapshot) => snapshots.push(snapshot));
    const { updates } = world.recorded.balancers[0]!;
    const before = updates.length;
    world.registry.last().publish(list);
    world.registry.last().publish(list.map((one) => ({ ...one })));
    world.registry.last().publish([...list].reverse());
    world.registry.last().publish(list.map((one) => ({ ...one, metadata: undefined })));
    expect(updates.length).to.equal(before);
    expect(world.seen.length).to.equal(told);
    expect(snapshots).to.have.length(1);
  });

  it('bring one update of the balancer per change, of the kind that it is', async () => {
    const world = new World();
    const [a, b, c] = instances('a', 'b', 'c');
    await world.serve([a, b, c]);
    const { updates } = world.recorded.balancers[0]!;
    const kinds = (set: unknown): string[] => {
      const before = updates.length;
      world.registry.last().publish(set);
      return updates.slice(before);
    };
    expect(kinds([a, b]), 'one left').to.deep.equal(['members']);
    expect(kinds([a, b, c]), 'one came').to.deep.equal(['members']);
    expect(kinds([a, c, { ...b, port: 1 }]), 'one was replaced').to.deep.equal(['members']);
    expect(kinds([a, b, { ...c, weight: 2 }]), 'replaced and reweighted').to.deep.equal(['members']);
    expect(kinds([a, b, { ...c, weight: 3 }]), 'reweighted').to.deep.equal(['weights']);
    expect(kinds([a, b, { ...c, weight: 3, state: 'draining' }]), 'drained').to.deep.equal(['eligibility']);
    expect(kinds([a, b, { ...c, weight: 0 }]), 'ready, and set aside').to.have.length(1);
    expect(kinds([a, b, { ...c, priority: 1 }]), 'of another priority').to.have.length(1);
    expect(kinds([a, { ...b, weight: 2 }, { ...c, state: 'draining' }]), 'both').to.deep.equal(['members']);
    expect(kinds([a, { ...b, weight: 2, zone: 'z' }, { ...c, state: 'draining' }]), 'zone').to.deep.equal([
      'members',
    ]);
  });

  it('come back within the minute with their ejection and what was measured', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    world.probe = async () => 'refuses';
    await world.serve(instances('a', 'b', 'c'));
    await eject(world, 'a');
    for (let n = 0; n < 4; n++) await world.called(fakeTransport((one) => one.answer()));
    const known = world.pool.members.find(({ endpoint }) => endpoint.id === 'b');
    world.registry.last().publish([instance('c')]);
    await world.clock.advance(59_000);
    world.registry.last().publish(instances('a', 'b', 'c'));
    expect(world.eligible).to.deep.equal(['b', 'c']);
    const back = world.pool.members.find(({ endpoint }) => endpoint.id === 'b');
    expect(back).to.equal(known);
    expect(back?.measured).to.equal(true);
  });

  it('are asked again after they came back ejected, and can be restored', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    world.probe = async () => 'refuses';
    await world.serve(instances('a', 'b', 'c'));
    await eject(world, 'a');
    for (let flap = 0; flap < 10; flap++) {
      world.registry.last().publish(instances('b', 'c'));
      await world.clock.advance(1_000);
      world.registry.last().publish(instances('a', 'b', 'c'));
      await world.clock.advance(1_000);
    }
    expect(world.eligible).to.deep.equal(['b', 'c']);
    world.probe = async () => 'accepts';
    await world.clock.advance(20_000);
    await world.called(fakeTransport((one) => one.answer()));
    expect(world.eligible).to.deep.equal(['a', 'b', 'c']);
  });

  it('are forgotten after a minute', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(instances('a', 'b', 'c'));
    await eject(world, 'a');
    world.registry.last().publish(instances('b', 'c'));
    await world.clock.advance(60_000);
    world.registry.last().publish(instances('a', 'b', 'c'));
    expect(world.eligible).to.deep.equal(['a', 'b', 'c']);
  });

  it('with the same id and another address are new ones: nothing is held against them', async () => {
    const world = new World();
    world.probe = async () => 'refuses';
    await world.serve(instances('a', 'b', 'c'));
    await eject(world, 'a');
    world.registry.last().publish([{ ...instance('a'), host: '10.9.9.9' }, ...instances('b', 'c')]);
    expect(world.eligible).to.deep.equal(['a', 'b', 'c']);
    // and the old address within the minute is the old one again
    world.registry.last().publish(instances('a', 'b', 'c'));
    expect(world.eligible).to.deep.equal(['b', 'c']);
  });

  it('keep count of tries in flight over any number of departures, and never below zero', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(instances('a', 'b'));
    const leases = [];
    for (let round = 0; round < 6; round++) {
      leases.push(await world.engine.acquire('orders'), await world.engine.acquire('orders'));
      world.registry.last().publish(round % 2 === 0 ? instances('b') : instances('a', 'b'));
      const sum = world.pool.members.reduce((total, { inFlight }) => total + inFlight, 0);
      expect(world.pool.inFlight).to.equal(sum);
    }
    world.registry.last().publish([]);
    expect(world.pool.inFlight).to.equal(0);
    for (const lease of leases.splice(0, 6)) lease.done({ kind: 'answered' });
    world.registry.last().publish(instances('a', 'b'));
    expect(world.pool.inFlight).to.equal(6);
    for (const lease of leases) {
      lease.done({ kind: 'answered' });
      lease.done({ kind: 'answered' });
      expect(Math.min(...world.pool.members.map(({ inFlight }) => inFlight))).to.be.at.least(0);
    }
    expect(world.pool.inFlight).to.equal(0);
  });

  it('are announced as left once their last call has ended, and never while they are back', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(instances('a'));
    const lease = await world.engine.acquire('orders');
    world.registry.last().publish(instances('b'));
    expect(world.events('left')).to.deep.equal([]);
    world.registry.last().publish(instances('a', 'b'));
    world.registry.last().publish(instances('b'));
    expect(world.events('left')).to.deep.equal([]);
    lease.done({ kind: 'answered' });
    expect(world.events('left').map(({ endpoint }) => endpoint.id)).to.deep.equal(['a']);
  });

  it('that left are in no pool any more when that is announced', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(instances('a', 'b', 'c'));
    const seen: string[][] = [];
    world.engine.on('left', () => seen.push(idsOf(world.pool.eligible.map(({ endpoint }) => endpoint))));
    world.registry.last().publish(instances('c'));
    expect(seen).to.deep.equal([['c'], ['c']]);
  });
});
