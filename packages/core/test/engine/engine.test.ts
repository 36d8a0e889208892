import {
  createEngine,
  type Endpoint,
  isCrowflyError,
  type RegistryContext,
  type Snapshot,
} from '@crowfly/core';
import { settle, VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { idsOf, instances } from '../support/instances.js';
import { roundRobin } from '../support/round-robin.js';
import { ScriptedRegistry } from '../support/scripted-registry.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

/** What a promise came to, without time passing. */
async function now<T>(promise: Promise<T>): Promise<T | { code: string } | 'pending'> {
  let result: T | { code: string } | 'pending' = 'pending';
  promise.then(
    (value) => {
      result = value;
    },
    (error) => {
      result = error;
    },
  );
  await settle();
  return result;
}

describe('ready()', () => {
  afterEach(closeWorlds);

  it('waits for all rows of the table, and an empty set is one', async () => {
    const world = new World({ services: { orders: {}, users: {} } });
    const ready = world.engine.ready();
    expect(await now(ready)).to.equal('pending');
    world.registry.last('orders').publish(instances('a'));
    expect(await now(ready)).to.equal('pending');
    world.registry.last('users').publish([]);
    expect(await now(ready)).to.equal(undefined);
  });

  it('is done at once with no names, and says so when nothing was named anywhere', async () => {
    expect(await now(new World().engine.ready())).to.include({ code: 'bad-option', path: 'ready' });
    expect(await now(new World().engine.ready('orders' as never))).to.include({ code: 'bad-option' });
    expect(await now(new World().engine.ready([]))).to.equal(undefined);
  });

  it('names the first service that has no set in time', async () => {
    const world = new World();
    const ready = now(world.engine.ready(['orders', 'users']));
    world.registry.last('orders').publish(instances('a'));
    await ready;
    const failed = world.engine.ready(['orders', 'users']).catch((error) => error);
    await world.clock.advance(5_000);
    const error = await failed;
    expect(error).to.include({ code: 'registry-timeout', service: 'users', registry: 'scripted:test' });
    expect(error.message).to.include('5000 ms');
  });

  it('waits as long as it is told to, longer or shorter than a call would', async () => {
    for (const timeoutMs of [100, 20_000]) {
      const world = new World();
      let error: unknown;
      world.engine.ready(['orders'], { timeoutMs }).catch((thrown) => {
        error = thrown;
      });
      await world.clock.advance(timeoutMs - 1);
      expect(error, String(timeoutMs)).to.equal(undefined);
      await world.clock.advance(1);
      expect(isCrowflyError(error, 'registry-timeout'), String(timeoutMs)).to.equal(true);
      expect(String(error)).to.include(`${timeoutMs} ms`);
      await world.close();
    }
  });

  it('tells a service that does not exist, and a registry that fails', async () => {
    const world = new World();
    const unknown = world.engine.ready(['orders']);
    world.registry.last().unknown('none');
    expect(await now(unknown)).to.include({ code: 'unknown-service' });
    const failing = new World();
    const failed = failing.engine.ready(['orders']).catch((error) => error);
    failing.registry.last().fail(new Error('403 Forbidden'));
    await failing.clock.advance(5_000);
    expect(await failed).to.include({ code: 'registry-failed' });
    expect(String(await failed)).to.include('403 Forbidden');
  });

  it('refuses a time limit that is none', async () => {
    const { engine } = new World();
    for (const timeoutMs of [Number.NaN, -1, '5', null]) {
      expect(await now(engine.ready(['orders'], { timeoutMs } as never))).to.include({ code: 'bad-option' });
    }
    expect(await now(engine.ready(['orders'], { timeout: 5 } as never))).to.include({ code: 'bad-option' });
  });
});

describe('instances() and watch()', () => {
  afterEach(closeWorlds);

  it('give what the registry says, also the ejected and the stale', async () => {
    const world = new World();
    const asked = world.engine.instances('orders');
    world.registry.last().publish(instances('a', 'b'));
    expect(idsOf(await asked)).to.deep.equal(['a', 'b']);
    await world.called(
      fakeTransport((one) => (one.attempt.number === 0 ? one.fail('not-sent') : one.answer())),
    );
    world.registry.last().fail();
    await settle();
    expect(idsOf(await world.engine.instances('orders'))).to.deep.equal(['a', 'b']);
  });

  it('tell each subscriber at once, then of each change, until it ends', async () => {
    const world = new World();
    const one: string[] = [];
    const two: string[] = [];
    const listener = (snapshot: Snapshot): void => void one.push(snapshot.status);
    const stops = [world.engine.watch('orders', listener), world.engine.watch('orders', listener)];
    world.engine.watch('orders', (snapshot) => two.push(snapshot.status));
    expect(one).to.deep.equal(['pending', 'pending']);
    stops[0]?.();
    stops[0]?.();
    world.registry.last().publish(instances('a'));
    expect(one).to.deep.equal(['pending', 'pending', 'ready']);
    stops[1]?.();
    world.registry.last().publish(instances('b'));
    expect(one).to.have.length(3);
    expect(two).to.deep.equal(['pending', 'ready', 'ready']);
  });

  it('go on for the others when one subscriber throws, at once or later', async () => {
    const world = new World();
    const seen: string[] = [];
    const stop = world.engine.watch('orders', () => {
      throw new Error('my mistake');
    });
    world.engine.watch('orders', (snapshot) => seen.push(snapshot.status));
    world.registry.last().publish(instances('a'));
    world.registry.last().publish(instances('b'));
    expect(seen).to.deep.equal(['pending', 'ready', 'ready']);
    expect(world.logged.filter((line) => line.includes('my mistake'))).to.have.length(1);
    stop();
  });
});

describe('acquire()', () => {
  afterEach(closeWorlds);

  it('gives one instance for one try, by name or by route, counted until it is done', async () => {
    const world = new World();
    await world.serve(instances('a'));
    const route = world.engine.route(new URL('http://orders/'))!;
    for (const target of ['orders', route] as const) {
      const lease = await world.engine.acquire(target);
      expect(lease.endpoint.id).to.equal('a');
      expect(lease.purpose).to.equal('call');
      expect(world.pool.inFlight).to.equal(1);
      lease.responded(200);
      lease.responded(500);
      expect(world.pool.inFlight).to.equal(1);
      lease.done({ kind: 'answered' });
      lease.done({ kind: 'no-answer', error: 1 });
      expect(world.pool.inFlight).to.equal(0);
    }
    expect(world.eligible).to.deep.equal(['a']);
  });

  it('waits for the first set, no longer than it may, and gives way to an abort', async () => {
    const world = new World();
    const abort = new AbortController();
    const [first, second, third] = [
      world.engine.acquire('orders'),
      world.engine.acquire('orders', { signal: abort.signal }),
      world.engine.acquire('users').catch((error) => error),
    ];
    abort.abort('enough');
    expect(await second?.catch((error) => error)).to.equal('enough');
    expect(await world.engine.acquire('orders', { signal: abort.signal }).catch((error) => error)).to.equal(
      'enough',
    );
    world.registry.last('orders').publish(instances('a'));
    expect((await first)?.endpoint.id).to.equal('a');
    await world.clock.advance(5_000);
    expect(await third).to.include({ code: 'registry-timeout' });
    (await first)?.done({ kind: 'canceled' });
  });

  it('fails when there is nothing to choose from', async () => {
    const world = new World();
    await world.serve([]);
    expect(await now(world.engine.acquire('orders'))).to.include({ code: 'no-instances' });
  });
});

describe('own()', () => {
  it('makes what clients share once, and closes it with the engine, whatever that throws', async () => {
    const world = new World();
    const key = Symbol('pools');
    let made = 0;
    const closed: string[] = [];
    const create = () => {
      made++;
      return { close: () => void closed.push('one') };
    };
    expect(world.engine.own(key, create)).to.equal(world.engine.own(key, create));
    world.engine.own(Symbol('throws'), () => ({
      close() {
        throw new Error('cannot');
      },
    }));
    world.engine.own(Symbol('rejects'), () => ({ close: () => Promise.reject(new Error('cannot')) }));
    world.engine.own(Symbol('last'), () => ({ close: () => void closed.push('last') }));
    await world.close();
    expect([made, ...closed]).to.deep.equal([1, 'one', 'last']);
    expect(() => world.engine.own(Symbol('late'), create))
      .to.throw()
      .with.property('code', 'closed');
  });
});

describe('close()', () => {
  afterEach(closeWorlds);

  it('is idempotent, ends watches, registry and timers, and makes everything after it fail', async () => {
    const world = new World();
    await world.serve(instances('a'));
    const [one, two] = [world.engine.close(), world.engine.close()];
    expect(world.engine.closed).to.equal(true);
    await Promise.all([one, two]);
    expect(world.registry.open).to.deep.equal([]);
    expect(world.registry.closes).to.equal(1);
    expect(world.clock.pending).to.equal(0);
    const route = world.engine.route(new URL('http://orders/'))!;
    const request = { idempotent: true, replayable: true };
    const asked: Record<string, Promise<unknown>> = {
      call: world.engine.call(route, request, fakeTransport(answering())),
      acquire: world.engine.acquire('orders'),
      ready: world.engine.ready(['orders']),
      instances: world.engine.instances('orders'),
      watch: (async () => world.engine.watch('orders', () => {}))(),
    };
    const answers = Object.entries(asked).map(async ([name, promise]) => [name, await now(promise)] as const);
    for (const [name, answer] of await Promise.all(answers)) {
      expect(answer, name).to.include({ code: 'closed' });
    }
    expect((await world.engine.explain('orders')).summary).to.include('closed');
    await world.engine.close();
  });

  it('lets calls in flight finish, their retries too, and refuses new ones meanwhile', async () => {
    const world = new World();
    await world.serve(instances('a', 'b', 'c'));
    const transport = fakeTransport();
    const call = await world.called(transport);
    let closed = false;
    void world.engine.close().then(() => {
      closed = true;
    });
    await world.clock.advance(1_000);
    expect((await world.called(fakeTransport(answering()))).error).to.include({ code: 'closed' });
    transport.tries[0]?.fail('no-answer');
    await world.clock.advance(100);
    transport.tries[1]?.fail('no-answer');
    await world.clock.advance(100);
    expect(closed).to.equal(false);
    transport.tries[2]?.answer();
    await world.clock.advance(100);
    expect(call.state).to.equal('answered');
    expect(closed).to.equal(true);
  });

  it('ends them when its bound is reached', async () => {
    const world = new World({ limits: { closeMs: 2_000 } });
    await world.serve(instances('a'));
    const transport = fakeTransport();
    const call = await world.called(transport);
    const started = world.clock.now();
    let closedAt = 0;
    void world.engine.close().then(() => {
      closedAt = world.clock.now();
    });
    await world.clock.advance(1_900);
    expect(call.state).to.equal('running');
    await world.clock.advance(8_100);
    expect(call.error).to.include({ code: 'closed' });
    expect(transport.tries[0]?.aborted).to.not.equal(undefined);
    expect(closedAt - started).to.be.within(2_000, 2_100);
    expect(world.clock.pending).to.equal(0);
  });

  it('does not wait for a body that moved and then stands still, and waits for one that moves', async () => {
    const world = new World();
    await world.serve(instances('a'));
    const transport = fakeTransport((one) => one.answer(200, { open: true }));
    await world.called(transport);
    const { lease } = transport.tries[0]!.attempt;
    lease.progress();
    const started = world.clock.now();
    let closedAt = 0;
    void world.engine.close().then(() => {
      closedAt = world.clock.now();
    });
    for (let n = 0; n < 10; n++) {
      await world.clock.advance(100);
      lease.progress();
    }
    expect(closedAt).to.equal(0);
    await world.clock.advance(2_000);
    expect(closedAt - started).to.be.within(1_400, 1_700);
    lease.done({ kind: 'canceled' });
    lease.progress();
  });

  it('ends calls that wait for their first set, within its bound', async () => {
    const world = new World({ limits: { closeMs: 1_000 } });
    const waits = [
      world.call(fakeTransport(answering())).promise,
      world.engine.instances('orders'),
      world.engine.ready(['orders']),
      world.engine.acquire('orders'),
    ].map((promise) => promise.then(String, (error) => error));
    await settle();
    void world.engine.close();
    await world.clock.advance(1_100);
    for (const wait of waits) expect(await wait).to.include({ code: 'closed' });
    expect(world.clock.pending).to.equal(0);
  });

  it('does not hang on a registry that throws or hangs while it closes', async () => {
    for (const close of [() => Promise.reject(new Error('no')), () => new Promise<void>(() => {})]) {
      const world = new World({ limits: { closeMs: 500 } });
      world.registry.close = close;
      await world.serve(instances('a'));
      let closed = false;
      void world.engine.close().then(() => {
        closed = true;
      });
      await world.clock.advance(1_100);
      expect(closed).to.equal(true);
    }
  });
});

describe('several engines in one process', () => {
  afterEach(closeWorlds);

  it('know nothing of each other', async () => {
    const registry = new ScriptedRegistry();
    const contexts: RegistryContext[] = [];
    const factory = (context: RegistryContext) => {
      contexts.push(context);
      return new ScriptedRegistry({ onWatch: (watch) => watch.publish(instances('a', 'b')) }).factory(
        context,
      );
    };
    expect(registry.watches).to.have.length(0);
    const clock = new VirtualClock();
    const make = (service: string) =>
      createEngine(roundRobin, { registry: factory, clock, env: false, logger: false, self: { service } });
    const [one, two] = [make('web'), make('batch')];
    expect(contexts.map(({ self }) => self)).to.deep.equal([{ service: 'web' }, { service: 'batch' }]);
    const ejected: Endpoint[] = [];
    two.on('ejected', ({ endpoint }) => ejected.push(endpoint));
    const lease = await one.acquire('orders');
    lease.done({ kind: 'not-sent', error: 1 });
    expect(ejected).to.deep.equal([]);
    await one.close();
    expect((await two.acquire('orders')).endpoint.id).to.be.oneOf(['a', 'b']);
    expect(two.closed).to.equal(false);
    const closing = two.close();
    await clock.advance(60_000);
    await closing;
  });

  it('open a factory once each, however many rows name it', () => {
    let opened = 0;
    const factory = (context: RegistryContext) => {
      opened++;
      return new ScriptedRegistry().factory(context);
    };
    createEngine(roundRobin, {
      registry: factory,
      services: { a: { registry: factory }, b: { registry: factory }, c: {} },
      env: false,
    });
    expect(opened).to.equal(1);
  });
});
