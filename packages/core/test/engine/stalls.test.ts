import { DEFAULTS } from '@crowfly/core';
import { settle, VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { StallingClock } from '../support/stalling-clock.js';
import { answering, type Behave, type FakeTransport, fakeTransport } from '../support/transport.js';
import { closeWorlds, World, type WorldOptions } from '../support/world.js';

const { stallMs } = DEFAULTS.ejection;
const { connectMs, firstByteMs } = DEFAULTS.timeouts;

/** `a` takes requests and never answers; the others do at once. */
const silentA: Behave = (one) => {
  if (one.id !== 'a') one.answer();
};

/** A connect to `a` gets no answer either, and the limit ends it. */
const vanished = (world: World): void => {
  world.probe = ({ id }) =>
    id === 'a'
      ? new Promise((resolve) => world.clock.after(connectMs, () => resolve('silent')))
      : Promise.resolve('accepts');
};

async function worldOf(ids: readonly string[] = ['a', 'b'], options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.serve(instances(...ids));
  return world;
}

/** Calls until one went to `a`, which is then under way. */
async function callA(
  world: World,
  transport: FakeTransport,
  request = {},
): Promise<ReturnType<World['call']>> {
  for (;;) {
    const call = await world.called(transport, request);
    if (transport.ids.at(-1) === 'a') return call;
  }
}

describe('an instance whose machine has vanished', () => {
  afterEach(closeWorlds);

  it('is found out by a connect, and its call answered elsewhere, long before the first-byte limit', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const call = await callA(world, transport);
    await world.clock.advance(stallMs - 1);
    expect(world.probes).to.deep.equal([]);
    await world.clock.advance(1);
    expect(world.probes.map(({ id }) => id)).to.deep.equal(['a']);
    await world.clock.advance(connectMs);
    expect(call.value).to.equal('200 of b');
    expect(transport.tries.find(({ id }) => id === 'a')?.aborted).to.not.equal(undefined);
    expect(world.eligible).to.deep.equal(['b']);
    expect(world.events('ejected')).to.have.length(1);
    expect(world.events('ejected')[0]).to.include({ evidence: 'hard' });
    expect(world.events('retry')[0]?.reason).to.match(
      /a \(.*\) sent nothing for 500 ms.*new connect within 1000 ms/,
    );
    expect(stallMs + connectMs).to.be.below(firstByteMs);
  });

  it('takes all its calls with it, one connect for all of them', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const calls = [];
    for (let count = 0; count < 5; count++) {
      calls.push(await callA(world, transport));
      await world.clock.advance(10);
    }
    await world.clock.advance(stallMs + connectMs);
    expect(calls.map(({ state }) => state)).to.deep.equal(calls.map(() => 'answered'));
    expect(world.probes.filter(({ at }) => at <= world.clock.now() - connectMs + 50)).to.have.length(1);
  });

  it('keeps the calls that may not be sent twice: they may still be answered', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const call = await callA(world, transport, { idempotent: false });
    await world.clock.advance(stallMs + connectMs + 100);
    expect(call.state).to.equal('running');
    expect(world.eligible, 'but it gets no new ones').to.deep.equal(['b']);
    await world.clock.advance(firstByteMs);
    expect(call.state).to.equal('failed');
  });

  for (const [what, reach] of [
    ['accepts connections', 'accepts'],
    ['refuses them, as a server that is closing does', 'refuses'],
  ] as const) {
    it(`is not one that ${what}: it is only slow, and asked ever more rarely`, async () => {
      const world = await worldOf();
      world.probe = async () => reach;
      const transport = fakeTransport(silentA);
      const call = await callA(world, transport);
      const began = world.clock.now();
      await world.clock.advance(9 * stallMs);
      expect(call.state).to.equal('running');
      expect(world.probes.map(({ at }) => (at - began) / stallMs)).to.deep.equal([1, 2, 4, 8]);
      expect(world.eligible).to.deep.equal(['a', 'b']);
      transport.tries.find(({ id }) => id === 'a')?.answer();
      await settle();
      expect(call.value).to.equal('200 of a');
    });
  }

  it('costs a call that began while it was asked no more than those before', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const first = await callA(world, transport);
    await world.clock.advance(stallMs + connectMs / 2);
    expect(world.probes).to.have.length(1);
    const second = await callA(world, transport);
    await world.clock.advance(connectMs / 2);
    expect(first.state).to.equal('answered');
    expect(second.state).to.equal('running');
    await world.clock.advance(stallMs - connectMs / 2 + connectMs);
    expect(second.value).to.equal('200 of b');
  });

  it('is asked for the calls on open connections although a new connection has failed already', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const waiting = await callA(world, transport);
    await callA(world, transport);
    await world.clock.advance(stallMs / 2);
    transport.tries.filter(({ id }) => id === 'a')[1]?.fail('not-sent');
    await settle();
    expect(world.eligible).to.deep.equal(['b']);
    await world.clock.advance(stallMs / 2 + connectMs);
    expect(waiting.value).to.equal('200 of b');
  });

  it('is asked for the calls that wait for it when the registry has dropped it', async () => {
    const world = await worldOf(['a', 'b', 'c']);
    vanished(world);
    const transport = fakeTransport(silentA);
    const waiting = await callA(world, transport);
    world.registry.last('orders').publish(instances('b', 'c'));
    await world.clock.advance(stallMs + connectMs);
    expect(waiting.state).to.equal('answered');
  });

  it('is not asked for each call that is slow', async () => {
    const world = await worldOf(['a']);
    const transport = fakeTransport();
    for (let count = 0; count < 100; count++) {
      world.call(transport);
      await world.clock.advance(17);
    }
    await world.clock.advance(5 * stallMs);
    expect(world.probes.length, 'connects in 6.7 seconds').to.be.at.most(7);
  });

  for (let turns = 0; turns < 10; turns++) {
    it(`leaves the answer alone that arrives together with the verdict, ${turns} turns before`, async () => {
      const world = await worldOf();
      let verdict: (reach: 'silent') => void = () => {};
      world.probe = () =>
        new Promise((resolve) => {
          verdict = resolve;
        });
      const transport = fakeTransport(silentA);
      const call = await callA(world, transport);
      await world.clock.advance(stallMs);
      const mine = transport.tries.find(({ id }) => id === 'a');
      mine?.answer(200, { open: true });
      for (let turn = 0; turn < turns; turn++) await undefined;
      verdict('silent');
      await settle();
      expect(call.state).to.equal('answered');
      if (call.value === '200 of a') expect(mine?.aborted).to.equal(undefined);
      else expect(mine?.discarded, 'what nobody gets is discarded').to.equal(true);
    });
  }

  it('is not asked while it answers other calls', async () => {
    const world = await worldOf(['a']);
    const transport = fakeTransport();
    await world.called(transport);
    transport.behave = answering();
    for (let round = 0; round < 30; round++) {
      await world.called(transport);
      await world.clock.advance(stallMs / 4);
    }
    expect(world.probes).to.deep.equal([]);
  });

  it('is not believed to have vanished when an answer came while it was asked', async () => {
    const world = await worldOf();
    vanished(world);
    const transport = fakeTransport(silentA);
    const call = await callA(world, transport);
    const other = await callA(world, transport);
    await world.clock.advance(stallMs + 1);
    transport.tries.filter(({ id }) => id === 'a')[1]?.answer();
    await world.clock.advance(connectMs);
    expect(other.value).to.equal('200 of a');
    expect(call.state).to.equal('running');
    expect(world.eligible).to.deep.equal(['a', 'b']);
  });

  it('is not believed to have vanished because this process stood still', async () => {
    const clock = new StallingClock();
    const world = await worldOf(['a', 'b'], { clock });
    vanished(world);
    const call = await callA(world, fakeTransport(silentA));
    await clock.advance(stallMs);
    expect(world.probes).to.have.length(1);
    clock.stall(5_000);
    await clock.advance(1);
    expect(call.state).to.equal('running');
    expect(world.eligible).to.deep.equal(['a', 'b']);
  });

  it('is never asked with stallMs 0', async () => {
    const world = await worldOf(['a', 'b'], { defaults: { ejection: { stallMs: 0 } } });
    await callA(world, fakeTransport(silentA));
    await world.clock.advance(firstByteMs - 1);
    expect(world.probes).to.deep.equal([]);
  });

  it('leaves no timer behind when its calls have ended, or the discovery is closed', async () => {
    const clock = new VirtualClock();
    const world = await worldOf(['a', 'b'], { clock });
    const transport = fakeTransport(answering());
    await world.called(transport);
    await clock.advance(60_000);
    expect(clock.pending, 'timers once nothing is under way').to.equal(0);
    void (await callA(world, fakeTransport(silentA)));
    await world.close();
    expect(clock.pending).to.equal(0);
  });
});
