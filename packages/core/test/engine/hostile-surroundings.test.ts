import type { Strategy } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instance, instances } from '../support/instances.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

describe('a body that breaks off', () => {
  afterEach(closeWorlds);

  it('again and again ejects its instance, although each head was good', async () => {
    const world = new World();
    await world.serve(instances('a', 'b', 'c'));
    for (let call = 0; call < 30; call++) {
      const lease = await world.engine.acquire('orders');
      lease.responded(200);
      lease.done(
        lease.endpoint.id === 'b' ? { kind: 'body-broken', error: new Error('cut') } : { kind: 'answered' },
      );
    }
    expect(world.eligible).to.deep.equal(['a', 'c']);
    expect(world.events('ejected')[0]?.reason).to.equal('answers broke off');
  });

  it('because its caller ran out of time is no slow answer', async () => {
    const world = new World();
    await world.serve(instances('a'));
    for (let call = 0; call < 5; call++) {
      const lease = await world.engine.acquire('orders');
      lease.responded(200);
      await world.clock.advance(25_000);
      lease.done({ kind: 'timed-out' });
    }
    const { instances: shown } = await world.engine.explain('orders');
    expect(shown[0]?.latencyMs).to.equal(0);
  });
});

describe('a strategy that throws', () => {
  afterEach(closeWorlds);

  const throwing: Strategy = () => ({
    update() {
      throw new Error('no table');
    },
    pick() {
      throw new Error('no idea');
    },
  });

  it('costs no call, no set and no lease: an instance is chosen without it, and that is said', async () => {
    const world = new World({ defaults: { strategy: throwing } });
    await world.serve(instances('a', 'b'));
    const call = await world.called(fakeTransport(answering()));
    expect(call.state).to.equal('answered');
    const lease = await world.engine.acquire('orders');
    lease.done({ kind: 'not-sent', error: new Error('refused') });
    const { instances: shown } = await world.engine.explain('orders');
    expect(shown.map(({ inFlight }) => inFlight)).to.deep.equal([0, 0]);
    expect(shown.map(({ state }) => state)).to.include('ejected');
    expect(world.events('mispick').map(({ reason }) => reason)).to.include(
      'threw instead of choosing (no idea)',
    );
    expect(world.events('stale')).to.be.empty;
  });
});

describe('an adapter whose set was refused', () => {
  afterEach(closeWorlds);

  it('may throw because of it without bringing the process down', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    try {
      const world = new World({
        registry: {
          onWatch(watch) {
            watch.publish('no list');
            throw new Error('my set was refused');
          },
        },
      });
      world.engine.watch('orders', () => {});
      await settle();
      await settle();
      expect(rejections).to.be.empty;
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

describe('names that someone made up', () => {
  afterEach(closeWorlds);

  it('make room for a real one when the registry cannot tell unknown from empty', async () => {
    const world = new World({ limits: { maxServices: 5 } });
    for (let name = 0; name < 20; name++) {
      const asked = world.engine.instances(`made-up-${name}`);
      await settle();
      world.registry.last(`made-up-${name}`).publish([]);
      expect(await asked).to.be.empty;
    }
    await world.serve(instances('a'), 'orders');
    expect((await world.called(fakeTransport(answering()))).state).to.equal('answered');
  });
});

describe('entries that a set had to do without', () => {
  afterEach(closeWorlds);

  it('are told by explain, and by the error when nothing is left', async () => {
    const world = new World();
    await world.serve([instance('a'), { ...instance('b'), port: 0 }]);
    expect((await world.engine.explain('orders')).summary).to.include(
      '1 entry skipped: endpoint 1 is skipped: port',
    );
    for (let again = 0; again < 3; again++) {
      world.registry.last().publish([instance('a'), { ...instance('b'), port: 0 }]);
      expect((await world.engine.explain('orders')).summary).to.include('1 entry skipped');
    }
    expect(world.events('problem'), 'told once').to.have.length(1);
    world.registry.last().publish([instance('a')]);
    expect((await world.engine.explain('orders')).summary).to.not.include('skipped');

    const empty = new World();
    await empty.serve([{ ...instance('b'), port: 70_000 }]);
    const call = await empty.called(fakeTransport(answering()));
    expect(String(call.error)).to.include('lists none that can be used: 1 entry skipped');
  });
});
