import type { Call } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instances, many } from '../support/instances.js';
import { StallingClock } from '../support/stalling-clock.js';
import { answering, failing, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

describe('an event loop that stood still for 5 s', () => {
  afterEach(closeWorlds);

  async function busy(count: number): Promise<{ world: World; clock: StallingClock }> {
    const clock = new StallingClock();
    const world = new World({ clock, defaults: { timeouts: { firstByteMs: 1_000, totalMs: 4_000 } } });
    await world.serve(many(count));
    return { world, clock };
  }

  it('fails no call whose answer was there all the time', async () => {
    const { world, clock } = await busy(4);
    const transport = fakeTransport();
    const calls = Array.from({ length: 40 }, () => world.call(transport));
    await settle();
    clock.stall(5_000);
    await clock.advance(0);
    expect(calls.every(({ state }) => state === 'running')).to.equal(true);
    for (const one of transport.tries) one.answer();
    await clock.advance(100);
    expect(calls.every(({ state }) => state === 'answered')).to.equal(true);
    expect(transport.tries).to.have.length(40);
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('ejects nobody, even when every call runs into the time limit of its caller', async () => {
    const { world, clock } = await busy(4);
    const transport = fakeTransport();
    const aborts = Array.from({ length: 40 }, () => new AbortController());
    for (const { signal } of aborts) world.call(transport, { signal });
    await settle();
    clock.stall(5_000);
    for (const abort of aborts) abort.abort(new DOMException('timeout', 'TimeoutError'));
    await clock.advance(100);
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('ejects nobody, when calls that began over a whole second run into the limits of their callers', async () => {
    const { world, clock } = await busy(4);
    const transport = fakeTransport();
    const aborts: AbortController[] = [];
    for (let n = 0; n < 100; n++) {
      const abort = new AbortController();
      aborts.push(abort);
      world.call(transport, { signal: abort.signal, timeouts: { firstByteMs: 10_000, totalMs: 30_000 } });
      await clock.advance(10);
    }
    clock.stall(5_000);
    for (const abort of aborts) abort.abort(new DOMException('timeout', 'TimeoutError'));
    await clock.advance(100);
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('ejects nobody, even when the connections that were idle meanwhile are found closed', async () => {
    const { world, clock } = await busy(4);
    clock.stall(5_000);
    const transport = fakeTransport();
    const calls = Array.from({ length: 40 }, () => world.call(transport));
    await clock.advance(1);
    for (const one of [...transport.tries]) one.fail('no-answer', 'other side closed');
    transport.behave = answering();
    for (const one of transport.tries.slice(40)) one.answer();
    await clock.advance(100);
    expect(world.events('ejected')).to.deep.equal([]);
    expect(calls.every(({ state }) => state === 'answered')).to.equal(true);
  });

  it('does not end the wait for the first set, whose delivery was there all the time', async () => {
    const clock = new StallingClock();
    const world = new World({ clock });
    const ready = world.engine.ready(['orders']).then(
      () => 'ready',
      (error) => error,
    );
    await settle();
    clock.stall(6_000);
    await clock.advance(0);
    world.registry.last().publish(instances('a'));
    await clock.advance(100);
    expect(await ready).to.equal('ready');
  });

  it('still is followed by time limits that hold', async () => {
    const { world, clock } = await busy(2);
    const call = world.call(fakeTransport());
    await settle();
    clock.stall(5_000);
    await clock.advance(100);
    expect(call.state, 'the time in which nothing could happen is given back').to.equal('running');
    await clock.advance(60_000);
    expect(call.error).to.include({ code: 'timeout' });
  });
});

describe('what a strategy may know of a call', () => {
  afterEach(closeWorlds);

  it('is its key as a hash, the number of the try, the time, and who was tried', async () => {
    const seen: { call: Call; hash: number; attempt: number; now: number; tried: string[] }[] = [];
    const world = new World({
      defaults: {
        ejection: { resets: 0 },
        strategy: () => {
          let members: readonly { endpoint: { id: string } }[] = [];
          return {
            update(pool) {
              members = pool.eligible;
            },
            pick(call) {
              const tried = members.filter((member) => call.tried(member as never)).map((m) => m.endpoint.id);
              seen.push({ call, hash: call.hash, attempt: call.attempt, now: call.now, tried: tried.sort() });
              return undefined;
            },
          };
        },
      },
    });
    await world.serve(instances('a', 'b', 'c'));
    const transport = fakeTransport(failing('no-answer'));
    await world.called(transport, { key: 'customer-7' });
    expect(seen.map(({ attempt }) => attempt)).to.deep.equal([0, 1, 2]);
    expect(seen.map(({ tried }) => tried)).to.deep.equal([
      [],
      transport.ids.slice(0, 1),
      transport.ids.slice(0, 2).sort(),
    ]);
    expect(new Set(seen.map(({ call }) => call)).size, 'one object per call').to.equal(1);
    expect(seen[0]?.call.hasKey).to.equal(true);
    expect(seen[0]?.now).to.equal(world.clock.now());

    await world.called(fakeTransport(answering()), { key: 'customer-7' });
    await world.called(fakeTransport(answering()), { key: 'customer-8' });
    await world.called(fakeTransport(answering()));
    const [again, other, none] = seen.slice(3);
    expect(again?.hash).to.equal(seen[0]?.hash);
    expect(other?.hash).not.to.equal(seen[0]?.hash);
    expect(none?.call.hasKey).to.equal(false);
    for (const { hash } of seen) expect(hash >>> 0).to.equal(hash);
    // FNV-1a of 'a', as published
    await world.called(fakeTransport(answering()), { key: 'a' });
    expect(seen.at(-1)?.hash).to.equal(0xe40c292c);
  });
});
