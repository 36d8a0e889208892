import { CrowflyError, describeError, isCrowflyError, type Snapshot } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { idsOf, instance, instances } from '../support/instances.js';
import type { ScriptedWatch } from '../support/scripted-registry.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

const DOWN = new Error('connect ECONNREFUSED 10.0.0.9:8500');

/** Follows `orders` and keeps its snapshots. */
async function followed(world: World): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  world.engine.watch('orders', (snapshot) => snapshots.push(snapshot));
  await settle();
  return snapshots;
}

describe('following a service', () => {
  afterEach(closeWorlds);

  it('asks the registry once, however many callers there are', async () => {
    const world = new World();
    for (let n = 0; n < 20; n++) world.engine.watch('orders', () => {});
    const calls = Array.from({ length: 20 }, () => world.call(fakeTransport(answering())));
    await settle();
    expect(world.registry.watches).to.have.length(1);
    world.registry.last().publish(instances('a', 'b'));
    await settle();
    expect(calls.map(({ state }) => state)).to.deep.equal(calls.map(() => 'answered'));
    expect(world.registry.watches).to.have.length(1);
  });

  it('tells pending, ready, stale, ready again, with versions, age and cause', async () => {
    const world = new World();
    const snapshots = await followed(world);
    world.registry.last().publish(instances('a', 'b'));
    await world.clock.advance(5_000);
    const failedAt = world.clock.now();
    world.registry.last().fail(DOWN);
    await settle();
    expect(snapshots.map(({ status }) => status)).to.deep.equal(['pending', 'ready', 'stale']);
    const stale = snapshots.at(-1);
    if (stale?.status !== 'stale') throw new Error('not stale');
    expect(idsOf(stale.endpoints)).to.deep.equal(['a', 'b']);
    expect(stale.since).to.equal(failedAt);
    expect(stale.cause).to.equal(DOWN);
    await world.clock.advance(1_000);
    world.registry.last().publish(instances('a', 'b', 'c'));
    await settle();
    const ready = snapshots.at(-1);
    expect(ready).to.include({ status: 'ready', version: 2 });
    expect(world.events('stale')).to.have.length(1);
    await world.clock.advance(1_000);
    expect(world.events('recovered')).to.have.length(1);
    expect(world.events('recovered')[0]?.outageMs).to.equal(1_000);
  });

  it('serves the last good set through an outage of an hour, says so once, and asks now and then', async () => {
    const world = new World();
    await world.serve(instances('a', 'b', 'c'));
    world.registry.onWatch = (watch) => watch.fail(DOWN);
    world.registry.last().fail(DOWN);
    const before = world.registry.watches.length;
    const transport = fakeTransport(answering());
    for (let minute = 0; minute < 60; minute++) {
      await world.clock.advance(60_000);
      const call = await world.called(transport);
      expect(call.state).to.equal('answered');
    }
    expect(world.events('stale')).to.have.length(1);
    expect(world.logged.filter((line) => line.includes('fails'))).to.have.length(1);
    const asked = world.registry.watches.length - before;
    expect(asked / 3600, 'requests per second').to.be.at.most(0.22);
    expect(asked).to.be.at.least(60);
  });

  it('treats whatever a watch throws as a failure of the registry, and tries again', async () => {
    const thrown: unknown[] = [
      undefined,
      null,
      'a string',
      42,
      new TypeError('x is not a function'),
      new TypeError('fetch failed'),
      new RangeError('invalid array length'),
      Object.assign(new Error('stop'), { name: 'AbortError' }),
      Object.create(null),
    ];
    for (const error of thrown) {
      for (const how of ['rejects', 'throws'] as const) {
        const world = new World();
        world.registry.onWatch = (watch, index) => {
          if (index > 0) watch.publish(instances('a'));
          else if (how === 'throws') throw error;
          else watch.fail(error);
        };
        const snapshots = await followed(world);
        await world.clock.advance(1_000);
        const label = `${how} ${describeError(error)}`;
        expect(
          snapshots.map(({ status }) => status),
          label,
        ).to.deep.equal(['pending', 'failed', 'ready']);
        const failed = snapshots[1];
        expect(failed?.status === 'failed' && failed.cause, label).to.be.instanceOf(Error);
        await world.close();
      }
    }
  });

  it('takes a watch that ends by itself for a failure, and names registry and service', async () => {
    const world = new World();
    world.registry.onWatch = (watch, index) => (index === 0 ? watch.end() : undefined);
    const snapshots = await followed(world);
    const failed = snapshots.at(-1);
    if (failed?.status !== 'failed') throw new Error('not failed');
    expect(isCrowflyError(failed.cause, 'registry-failed')).to.equal(true);
    expect(describeError(failed.cause)).to.match(/scripted:test.*'orders'/);
    await world.clock.advance(1_000);
    expect(world.registry.watches).to.have.length(2);
  });

  it('never becomes a hot loop, whether the watch publishes before it ends or not', async () => {
    for (const publishes of [true, false]) {
      const world = new World();
      world.registry.onWatch = (watch) => {
        if (publishes) watch.publish(instances('a'));
        watch.end();
      };
      await followed(world);
      await world.clock.advance(600_000);
      expect(world.registry.watches.length, `publishes: ${publishes}`).to.be.within(10, 0.22 * 600);
      await world.close();
    }
  });

  it('ignores what a watch says after it ended', async () => {
    const world = new World();
    const snapshots = await followed(world);
    const old = world.registry.last();
    old.fail(DOWN);
    await world.clock.advance(1_000);
    expect(old.feed.signal.aborted).to.equal(true);
    world.registry.last().publish(instances('new'));
    const told = snapshots.length;
    old.publish(instances('old'));
    old.unknown();
    old.feed.report({ code: 'late', detail: 'too late' });
    await settle();
    expect(snapshots).to.have.length(told);
    expect(world.events('problem')).to.deep.equal([]);
    expect(world.eligible).to.deep.equal(['new']);
  });

  it('ends a watch that publishes what is no list, keeps the last good set, and tries again', async () => {
    for (const garbage of [undefined, null, 'a', 7, {}, { length: 3 }, new Map()]) {
      const world = new World();
      await world.serve(instances('a', 'b'));
      const bad = world.registry.last();
      bad.publish(garbage);
      await settle();
      expect(bad.feed.signal.aborted).to.equal(true);
      const [stale] = world.events('stale');
      expect(isCrowflyError(stale?.cause, 'bad-data')).to.equal(true);
      expect(world.eligible).to.deep.equal(['a', 'b']);
      await world.clock.advance(1_000);
      world.registry.last().publish(instances('a', 'c'));
      await world.clock.advance(1_000);
      expect(world.events('recovered')).to.have.length(1);
      await world.close();
    }
  });

  it('does not throw into the adapter that published garbage', async () => {
    const world = new World();
    await followed(world);
    expect(() => world.registry.last().publish('garbage')).not.to.throw();
  });

  it('goes on when a logger throws', async () => {
    const world = new World({
      logger: {
        info() {
          throw new Error('the log is full');
        },
        warn() {
          throw new Error('the log is full');
        },
      },
    });
    await world.serve(instances('a'));
    world.registry.last().fail(DOWN);
    await world.clock.advance(2_000);
    expect(world.registry.watches.length).to.be.greaterThan(1);
    world.registry.last().publish(instances('a', 'b'));
    await settle();
    expect(world.eligible).to.deep.equal(['a', 'b']);
  });

  it('stops following a name as soon as the registry says, inside of the very first call, that it is unknown', async () => {
    const world = new World();
    world.registry.onWatch = (watch) => watch.unknown('there is none');
    const call = await world.called(fakeTransport(answering()));
    expect(isCrowflyError(call.error, 'unknown-service')).to.equal(true);
    expect(world.registry.open).to.deep.equal([]);
  });

  it('tells unknown, empty and failed apart', async () => {
    const outcomes: Record<string, (watch: ScriptedWatch) => void> = {
      'unknown-service': (watch) => watch.unknown('no such thing in dc1'),
      'no-instances': (watch) => watch.publish([]),
      'registry-failed': (watch) => watch.fail(DOWN),
      'registry-timeout': () => {},
    };
    for (const [code, says] of Object.entries(outcomes)) {
      const world = new World();
      world.registry.onWatch = says;
      const call = world.call(fakeTransport(answering()));
      await world.clock.advance(6_000);
      expect((call.error as { code?: string })?.code, describeError(call.error)).to.equal(code);
      expect(String(call.error)).to.match(/orders/);
      expect(String(call.error)).to.match(/scripted:test|dc1/);
      await world.close();
    }
  });

  it('waits for a registry that fails at first, up to the deadline of the first set', async () => {
    const world = new World();
    world.registry.onWatch = (watch, index) => (index < 3 ? watch.fail(DOWN) : watch.publish(instances('a')));
    const call = world.call(fakeTransport(answering()));
    await world.clock.advance(4_900);
    expect(call.value).to.equal('200 of a');
  });

  it('fails at once when waiting does not help', async () => {
    const world = new World();
    world.registry.onWatch = (watch) => watch.publish('garbage');
    const call = await world.called(fakeTransport(answering()));
    expect(describeError(call.error)).to.include('must publish a list');
    expect(isCrowflyError(call.error, 'registry-failed')).to.equal(true);
  });

  it('says denied at once when the registry refuses us, and notices by itself that it no longer does', async () => {
    const world = new World();
    const cause = new CrowflyError('denied', '403: orders-web may not list endpoints: grant list and watch');
    world.registry.onWatch = (watch, index) =>
      index < 3 ? watch.fail(cause) : watch.publish(instances('a'));
    const call = await world.called(fakeTransport(answering()));
    expect(call.error).to.include({ code: 'denied', service: 'orders', registry: 'scripted:test', cause });
    expect((call.error as Error).message).to.equal(
      "scripted:test cannot say which instances 'orders' has: 403: orders-web may not list endpoints: grant list and watch",
    );
    expect(world.events('failed').map((event) => event.cause)).to.deep.equal([cause]);
    expect(world.logged.filter((line) => line.includes('403'))).to.have.length(1);
    await world.clock.advance(10_000);
    expect((await world.called(fakeTransport(answering()))).value).to.equal('200 of a');
    expect(world.events('recovered')).to.have.length(1);
  });

  it('keeps the last good set when a right is taken away', async () => {
    const world = new World();
    await world.serve(instances('a'));
    world.registry.last().fail(new CrowflyError('denied', '401: the token has expired'));
    await settle();
    expect((await world.called(fakeTransport(answering()))).value).to.equal('200 of a');
    expect(world.events('stale')).to.have.length(1);
  });

  it('shows what someone wrote wrongly in its own words', async () => {
    for (const code of ['bad-option', 'bad-name'] as const) {
      const world = new World();
      const cause = new Error('ENOKEY: no such key');
      world.registry.onWatch = (watch) =>
        watch.fail(new CrowflyError(code, "'orders' has no port 'htp': write 'http'", { cause }));
      const call = await world.called(fakeTransport(answering()));
      expect((call.error as Error).message).to.match(/has: 'orders' has no port 'htp': write 'http'$/);
      expect(String(await world.engine.explain('orders'))).to.match(/write 'http'$/);
      await world.close();
    }
  });

  it('emits an unknown service once, and no change of a set that never was', async () => {
    const world = new World();
    const snapshots = await followed(world);
    for (let n = 0; n < 5; n++) world.registry.last().unknown('there is none');
    await settle();
    expect(snapshots.map(({ status }) => status)).to.deep.equal(['pending', 'unknown']);
    expect(world.events('unknown')).to.have.length(1);
    expect(world.events('snapshot')).to.deep.equal([]);
  });

  it('says recovered only after it said stale or failed', async () => {
    const world = new World();
    await followed(world);
    world.registry.last().unknown('there is none');
    world.registry.last().fail(DOWN);
    await world.clock.advance(1_000);
    world.registry.last().publish(instances('a'));
    await world.clock.advance(1_000);
    const told = world.seen
      .map(({ name }) => name)
      .filter((name) => name !== 'snapshot' && name !== 'unknown');
    expect(told.indexOf('recovered')).to.equal(told.some((n) => n === 'stale' || n === 'failed') ? 1 : -1);
  });

  it('has one outage while its registry delivers and fails again at once, again and again', async () => {
    const world = new World();
    await world.serve(instances('a'));
    world.registry.onWatch = (watch) => {
      watch.publish(instances('a', 'b'));
      watch.fail(DOWN);
    };
    const beganAt = world.clock.now();
    world.registry.last().fail(DOWN);
    await world.clock.advance(20_000);
    expect(world.registry.watches.length).to.be.greaterThan(5);
    expect(world.eligible, 'what it delivers is used').to.deep.equal(['a', 'b']);
    expect(world.events('stale')).to.have.length(1);
    expect(world.events('recovered')).to.deep.equal([]);
    expect(world.logged).to.have.length(1);
    world.registry.onWatch = (watch) => watch.publish(instances('a', 'b'));
    await world.clock.advance(60_000);
    expect(world.events('recovered')).to.have.length(1);
    expect(world.events('recovered')[0]?.outageMs).to.be.within(20_000, world.clock.now() - beganAt);
    expect(world.logged).to.have.length(2);
  });

  it('settles close() when the watch settles, and in bounded time when it never does', async () => {
    for (const settles of [true, false]) {
      const world = new World({ registry: { settles }, limits: { closeMs: 1_000 } });
      const owned = { closed: 0, close: () => void owned.closed++ };
      await world.serve(instances('a'));
      world.engine.own(Symbol('pools'), () => owned);
      const started = world.clock.now();
      let closedAt: number | undefined;
      void world.engine.close().then(() => {
        closedAt = world.clock.now();
      });
      await world.clock.advance(5_000);
      expect((closedAt ?? Number.POSITIVE_INFINITY) - started, `settles: ${settles}`).to.be.at.most(2_000);
      expect(owned.closed, 'what the engine owns is closed').to.equal(1);
      expect(world.registry.closes, 'the registry is closed').to.equal(1);
      expect(world.clock.pending).to.equal(0);
    }
  });

  it('does not start a watch again after close', async () => {
    const world = new World();
    await world.serve(instances('a'));
    world.registry.last().fail(DOWN);
    await settle();
    const watches = world.registry.watches.length;
    await world.close();
    await world.clock.advance(600_000);
    expect(world.registry.watches).to.have.length(watches);
  });

  it('holds one set of an adapter that changes what it published', async () => {
    const world = new World();
    const list = [{ ...instance('a') }, { ...instance('b') }];
    await world.serve(list);
    list[0] = { ...instance('evil') };
    (list[1] as { host: string }).host = '169.254.169.254';
    list.length = 0;
    expect(idsOf(await world.engine.instances('orders'))).to.deep.equal(['a', 'b']);
    for (const endpoint of await world.engine.instances('orders')) {
      expect(endpoint.host).to.match(/^10\.1\./);
      expect(Object.isFrozen(endpoint)).to.equal(true);
    }
  });
});
