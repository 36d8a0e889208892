import { channel } from 'node:diagnostics_channel';
import type { Events } from '@crowfly/core';
import { expect } from 'chai';
import { instance, instances } from './support/instances.js';
import { answering, fakeTransport } from './support/transport.js';
import { closeWorlds, World } from './support/world.js';

describe('events', () => {
  afterEach(closeWorlds);

  it('tell in order what happens to a service, with typed facts', async () => {
    const world = new World();
    await world.serve(instances('a', 'b'));
    await world.called(
      fakeTransport((one) => (one.id === 'a' ? one.fail('not-sent', 'ECONNREFUSED') : one.answer())),
    );
    await world.clock.advance(500);
    await world.called(fakeTransport(answering()));
    world.registry.last().publish(instances('b', 'c'));
    expect(world.seen.map(({ name }) => name)).to.deep.equal([
      'snapshot',
      'ejected',
      'retry',
      'restored',
      'left',
      'snapshot',
    ]);
    const about = { service: 'orders', registry: 'scripted:test' };
    const [first, second] = world.events('snapshot');
    expect(first).to.deep.equal({ ...about, version: 1, endpoints: 2, added: 2, removed: 0, changed: 0 });
    expect(second).to.deep.equal({ ...about, version: 2, endpoints: 2, added: 1, removed: 1, changed: 0 });
    const [retry] = world.events('retry');
    expect(retry).to.deep.equal({ ...about, endpoint: instance('a'), attempt: 1, reason: 'ECONNREFUSED' });
    const [ejected]: Events['ejected'][] = world.events('ejected');
    expect(ejected).to.deep.include({ ...about, endpoint: instance('a'), evidence: 'hard' });
    expect(ejected?.probeMs).to.be.within(250, 500);
    expect(world.events('restored')[0]?.ejectedMs).to.equal(500);
  });

  it('are on node:diagnostics_channel too, for the whole process', async () => {
    const seen: unknown[] = [];
    const subscriber = (event: unknown): void => void seen.push(event);
    const published = channel('crowfly:snapshot');
    published.subscribe(subscriber);
    try {
      const world = new World();
      await world.serve(instances('a'));
      expect(seen).to.deep.equal(world.events('snapshot'));
    } finally {
      published.unsubscribe(subscriber);
    }
  });

  it('never let a listener that throws harm a call or another listener, and say so once', async () => {
    const world = new World();
    let others = 0;
    for (const name of ['snapshot', 'ejected', 'retry', 'restored', 'left', 'stale', 'guard'] as const) {
      world.engine.on(name, () => {
        throw new Error(`thrown by ${name}`);
      });
      world.engine.on(name, () => others++);
    }
    await world.serve(instances('a', 'b'));
    const call = await world.called(
      fakeTransport((one) => (one.attempt.number === 0 ? one.fail('not-sent') : one.answer())),
    );
    expect(call.state).to.equal('answered');
    world.registry.last().publish([]);
    world.registry.last().fail();
    await world.clock.advance(1_000);
    expect(others).to.be.at.least(5);
    expect(world.logged.filter((line) => line.includes('thrown by'))).to.have.length(1);
  });

  it('can be listened to twice by one function, and each subscription ends for itself', async () => {
    const world = new World();
    let calls = 0;
    const listener = (): void => void calls++;
    const stops = [world.engine.on('snapshot', listener), world.engine.on('snapshot', listener)];
    await world.serve(instances('a'));
    expect(calls).to.equal(2);
    stops[0]?.();
    stops[0]?.();
    world.registry.last().publish(instances('b'));
    expect(calls).to.equal(3);
  });

  it('may call back into the engine from a listener', async () => {
    const world = new World();
    const answered: (string | undefined)[] = [];
    world.engine.on('ejected', () => {
      const call = world.call(fakeTransport(answering()));
      call.promise.then((value) => answered.push(value)).catch(() => {});
    });
    world.engine.on('left', () => void world.engine.instances('orders'));
    await world.serve(instances('a', 'b'));
    await world.called(fakeTransport((one) => (one.id === 'a' ? one.fail('not-sent') : one.answer())));
    await world.clock.advance(0);
    expect(answered).to.deep.equal(['200 of b']);
  });
});
