import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instance, instances, many } from '../support/instances.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

describe('the log', () => {
  afterEach(closeWorlds);

  it('has one line for each change of state, and none for a call', async () => {
    const world = new World();
    await world.serve(instances('a', 'b', 'c'));
    for (let n = 0; n < 50; n++) await world.called(fakeTransport(answering()));
    expect(world.logged).to.deep.equal([]);
    for (let round = 0; round < 2; round++) {
      world.registry.onWatch = (watch) => watch.fail(new Error('503'));
      world.registry.last().fail(new Error('503'));
      await world.clock.advance(300_000);
      world.registry.onWatch = (watch) => watch.publish(instances('a', 'b', 'c'));
      await world.clock.advance(60_000);
    }
    expect(world.logged.map((line) => line.replace(/[\d.]+ s$/, 'n s'))).to.deep.equal([
      'warn: orders: scripted:test fails (503); the last good set stays in use',
      'info: orders: scripted:test delivers again after n s',
      'warn: orders: scripted:test fails (503); the last good set stays in use',
      'info: orders: scripted:test delivers again after n s',
    ]);
  });

  it('says that there is no set yet, when there is none', async () => {
    const world = new World();
    world.engine.watch('orders', () => {});
    world.registry.last().fail(new Error('401'));
    await world.clock.advance(60_000);
    expect(world.logged).to.deep.equal(['warn: orders: scripted:test fails (401); there is no set yet']);
  });

  it('is not flooded by a set full of bad entries, delivered again and again', async () => {
    const world = new World();
    const bad = many(5_000).map((one, n) => ({ ...one, port: 100_000 + n }));
    await world.serve([...bad, instance('good')]);
    for (let n = 0; n < 10; n++) {
      world.registry.last().publish([...bad, instance(`good${n}`)]);
      // A large set takes some turns.
      for (let turn = 0; turn < 10; turn++) await settle();
    }
    expect(world.logged.length).to.be.within(1, 5);
    expect(world.logged[0]).to.match(/orders: scripted:test: endpoint 0 is skipped: port/);
    expect(world.events('problem').length, 'the first hundred, and how many more').to.equal(101);
  });

  it('shows what adapters report in one line, without control characters', async () => {
    const world = new World();
    await world.serve(instances('a'));
    world.registry.last().feed.report({ code: 'odd', detail: `line\n\u001b[31mred${'x'.repeat(10_000)}` });
    expect(world.logged).to.have.length(1);
    expect(world.logged[0]).not.to.match(/\p{Cc}/u);
    expect(world.logged[0]?.length).to.be.at.most(700);
    expect(world.events('problem')[0]).to.include({
      service: 'orders',
      registry: 'scripted:test',
      code: 'odd',
    });
  });

  it('has one line also for what a registry answered with many', async () => {
    const world = new World();
    await world.serve(instances('a'));
    world.registry.last().fail(new Error(`503\r\n\u001b[2J<html>\n${'x'.repeat(100_000)}`));
    await world.clock.advance(0);
    expect(world.logged).to.have.length(1);
    expect(world.logged[0]).not.to.match(/\p{Cc}/u);
    expect(world.logged[0]?.length).to.be.at.most(700);
  });

  it('can be switched off', async () => {
    const world = new World({ logger: false });
    await world.serve(instances('a'));
    world.engine.on('ejected', () => {
      throw new Error('mine');
    });
    await world.called(fakeTransport((one) => one.fail('not-sent')));
    expect(world.logged).to.deep.equal([]);
    expect(world.events('ejected')).to.have.length(1);
  });
});
