import { isCrowflyError } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

const IDLE_MS = 600_000;

describe('a name that the registry does not know', () => {
  afterEach(closeWorlds);

  it('is followed no longer, and not asked for again for 5 s', async () => {
    const world = new World({ registry: { onWatch: (watch) => watch.unknown('not in dc1') } });
    for (let n = 0; n < 10; n++) {
      const call = await world.called(fakeTransport(answering()), {}, 'http://nosuch/');
      expect(call.error).to.include({
        code: 'unknown-service',
        service: 'nosuch',
        registry: 'scripted:test',
      });
      expect(String(call.error)).to.match(/'nosuch'.*not in dc1/);
    }
    expect(world.registry.watches).to.have.length(1);
    expect(world.registry.open).to.deep.equal([]);
    await world.clock.advance(5_001);
    world.registry.onWatch = (watch) => watch.publish(instances('a'));
    const call = await world.called(fakeTransport(answering()), {}, 'http://nosuch/');
    expect(call.state).to.equal('answered');
    expect(world.registry.watches).to.have.length(2);
  });

  it('costs nothing that grows, however many there are', async () => {
    const world = new World({
      registry: { onWatch: (watch) => watch.unknown('none') },
      limits: { maxServices: 10 },
    });
    for (let n = 0; n < 3_000; n++) {
      const url = `http://made-up-${n}/`;
      expect((await world.called(fakeTransport(answering()), {}, url)).error).to.include({
        code: 'unknown-service',
      });
    }
    expect(world.registry.open).to.deep.equal([]);
    expect(world.clock.pending).to.equal(0);
  });

  it('stays followed while something asked for it: a row, a subscription, ready()', async () => {
    const world = new World({
      services: { row: {} },
      registry: { onWatch: (watch) => watch.unknown('none') },
    });
    const seen: string[] = [];
    world.engine.watch('watched', (snapshot) => seen.push(snapshot.status));
    const ready = world.engine.ready(['warmed']).catch((error) => error);
    await world.called(fakeTransport(answering()), {}, 'http://row/');
    expect(isCrowflyError(await ready, 'unknown-service')).to.equal(true);
    expect(world.registry.open.map(({ service }) => service.key).sort()).to.deep.equal([
      'row',
      'warmed',
      'watched',
    ]);
    for (const watch of world.registry.open) watch.publish(instances('a'));
    expect(seen.at(-1)).to.equal('ready');
    for (const name of ['row', 'watched', 'warmed']) {
      const call = await world.called(fakeTransport(answering()), {}, `http://${name}/`);
      expect(call.state, name).to.equal('answered');
    }
  });

  it('can be subscribed to, although it was called a moment ago', async () => {
    const world = new World({ registry: { onWatch: (watch) => watch.unknown('none') } });
    await world.called(fakeTransport(answering()));
    const seen: string[] = [];
    world.engine.watch('orders', (snapshot) => seen.push(snapshot.status));
    world.registry.last().publish(instances('a'));
    expect(seen.at(-1)).to.equal('ready');
    expect((await world.called(fakeTransport(answering()))).state).to.equal('answered');
  });

  it('that had instances before is still followed: it may come back', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    const first = world.call(fakeTransport(answering()));
    await settle();
    world.registry.last().publish(instances('a'));
    await first.promise;
    world.registry.last().unknown('deleted');
    expect((await world.called(fakeTransport(answering()))).error).to.include({ code: 'unknown-service' });
    world.registry.last().publish(instances('b'));
    expect((await world.called(fakeTransport(answering()))).value).to.equal('200 of b');
    expect(world.registry.watches).to.have.length(1);
  });
});

describe('the bound of services in use', () => {
  afterEach(closeWorlds);

  async function full(): Promise<World> {
    const world = new World({
      limits: { maxServices: 3 },
      registry: { onWatch: (watch) => watch.publish(instances('a')) },
    });
    for (const name of ['one', 'two', 'three']) {
      expect((await world.called(fakeTransport(answering()), {}, `http://${name}/`)).state).to.equal(
        'answered',
      );
    }
    return world;
  }

  const call = (world: World, name: string) =>
    world.called(fakeTransport(answering()), {}, `http://${name}/`);

  it('makes a new name fail instead of evicting one that is in use', async () => {
    const world = await full();
    for (let minute = 0; minute < 30; minute++) {
      await world.clock.advance(60_000);
      for (const name of ['one', 'two', 'three'])
        expect((await call(world, name)).state).to.equal('answered');
      const refused = await call(world, 'four');
      expect(refused.error).to.include({ code: 'too-many-services', service: 'four' });
      expect(String(refused.error)).to.match(/limits\.maxServices \(3\)/);
    }
    expect(world.registry.watches).to.have.length(3);
  });

  it('lets the one go that was not called for the longest time, and ends its watch', async () => {
    const world = await full();
    await world.clock.advance(IDLE_MS / 2);
    await call(world, 'one');
    await call(world, 'three');
    await world.clock.advance(IDLE_MS / 2);
    expect((await call(world, 'four')).state).to.equal('answered');
    expect(world.registry.open.map(({ service }) => service.key)).to.deep.equal(['one', 'three', 'four']);
    expect(world.events('left')).to.have.length(1);
    expect((await call(world, 'five')).error).to.include({ code: 'too-many-services' });
  });

  it('never lets one go that has a subscription, an open try, or a row', async () => {
    const world = new World({
      limits: { maxServices: 4 },
      services: { row: {} },
      registry: { onWatch: (watch) => watch.publish(instances('a')) },
    });
    await call(world, 'row');
    const unsubscribe = world.engine.watch('watched', () => {});
    const lease = await world.engine.acquire('leased');
    await world.engine.ready(['warmed']);
    await world.clock.advance(10 * IDLE_MS);
    expect((await call(world, 'more')).error).to.include({ code: 'too-many-services' });
    lease.done({ kind: 'answered' });
    expect((await call(world, 'more')).state).to.equal('answered');
    expect((await call(world, 'still-more')).error).to.include({ code: 'too-many-services' });
    unsubscribe();
    unsubscribe();
    expect((await call(world, 'still-more')).state).to.equal('answered');
    expect(world.registry.open.map(({ service }) => service.key).sort()).to.deep.equal([
      'more',
      'row',
      'still-more',
      'warmed',
    ]);
  });
});
