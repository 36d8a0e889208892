import { DEFAULTS, type Lease, type Outcome, type Reach } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instance, instances, many } from '../support/instances.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World, type WorldOptions } from '../support/world.js';

const { ejection } = DEFAULTS;
const error = new Error('gone');

async function serving(ids: readonly string[], options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.serve(instances(...ids));
  return world;
}

/** A try at exactly this instance: others are given back as canceled. */
async function tryAt(world: World, id: string): Promise<Lease> {
  for (let n = 0; n < 1_000; n++) {
    const lease = await world.engine.acquire('orders');
    if (lease.endpoint.id === id) return lease;
    lease.done({ kind: 'canceled' });
  }
  throw new Error(`${id} is never picked`);
}

async function outcome(world: World, id: string, ...outcomes: readonly (Outcome | number)[]): Promise<void> {
  for (const one of outcomes) {
    const lease = await tryAt(world, id);
    if (typeof one === 'number') {
      lease.responded(one);
      lease.done({ kind: 'answered' });
    } else lease.done(one);
  }
}

const NOT_SENT: Outcome = { kind: 'not-sent', error };
const NO_ANSWER: Outcome = { kind: 'no-answer', error };
const BROKEN: Outcome = { kind: 'body-broken', error };
const TIMED_OUT: Outcome = { kind: 'timed-out' };
const times = (count: number, one: Outcome | number): (Outcome | number)[] => Array(count).fill(one);

/** Timeouts of tries that fail one after the other, not in one moment. */
async function timeouts(world: World, id: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await outcome(world, id, TIMED_OUT);
    await world.clock.advance(100);
  }
}

describe('what ejects an instance', () => {
  afterEach(closeWorlds);

  it('is one refused connect, two resets, or the given number of bad answers and timeouts in a row', async () => {
    const rows: readonly [string, number, Outcome | number, 'hard' | 'soft'][] = [
      ['connect', ejection.connectFailures, NOT_SENT, 'hard'],
      ['reset', ejection.resets, NO_ANSWER, 'hard'],
      ['gateway', ejection.gatewayErrors, 503, 'soft'],
      ['server', ejection.serverErrors, 500, 'soft'],
      ['body', ejection.serverErrors, BROKEN, 'soft'],
    ];
    for (const [name, threshold, bad, evidence] of rows) {
      const world = await serving(['a', 'b']);
      await outcome(world, 'a', ...times(threshold - 1, bad));
      expect(world.eligible, name).to.deep.equal(['a', 'b']);
      await outcome(world, 'a', bad);
      expect(world.eligible, name).to.deep.equal(['b']);
      expect(world.events('ejected'), name).to.have.length(1);
      expect(world.events('ejected')[0], name).to.include({ evidence });
      expect(
        world.logged.filter((line) => line.includes('no new calls to a')),
        name,
      ).to.have.length(1);
      await world.close();
    }
    const world = await serving(['a', 'b']);
    await timeouts(world, 'a', ejection.timeouts - 1);
    expect(world.eligible).to.deep.equal(['a', 'b']);
    await timeouts(world, 'a', 1);
    expect(world.eligible).to.deep.equal(['b']);
  });

  it('is not a run that a good answer interrupted', async () => {
    const world = await serving(['a', 'b']);
    for (let n = 0; n < 20; n++) await outcome(world, 'a', NO_ANSWER, 200, 503, 503, 404, 500, 200);
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('counts gateway errors among the server errors', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', 500, 502, 500, 503);
    expect(world.eligible).to.deep.equal(['a', 'b']);
    await outcome(world, 'a', 500);
    expect(world.eligible).to.deep.equal(['b']);
  });

  it('is nothing that the caller did: canceled tries and statuses below 500 are no evidence', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', ...times(50, { kind: 'canceled' }), ...times(50, 404), ...times(50, 429));
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('can be switched off, each for itself', async () => {
    const off = { connectFailures: 0, resets: 0, timeouts: 0, gatewayErrors: 0, serverErrors: 0 };
    const world = await serving(['a', 'b'], { defaults: { ejection: off } });
    for (const bad of [NOT_SENT, NO_ANSWER, BROKEN, 503, 500]) await outcome(world, 'a', ...times(20, bad));
    await timeouts(world, 'a', 20);
    expect(world.events('ejected')).to.deep.equal([]);
  });

  it('ejects any number for failed connects, up to all of them, and calls still try', async () => {
    const world = new World();
    await world.serve(many(10));
    for (let n = 0; n < 9; n++) await outcome(world, `i${n}`, NOT_SENT);
    expect(world.eligible).to.deep.equal(['i9']);
    await outcome(world, 'i9', NOT_SENT);
    expect(world.eligible, 'the last resort').to.have.length(10);
    const transport = fakeTransport(answering());
    expect((await world.called(transport)).state).to.equal('answered');
    expect(world.eligible, 'who answers is back').to.deep.equal([transport.ids[0]]);
  });

  it('never softly ejects more than the share, counted after the ejection, but always may eject one', async () => {
    for (const [count, most] of [
      [1, 0],
      [2, 1],
      [5, 1],
      [19, 1],
      [20, 2],
      [39, 3],
      [100, 10],
    ] as const) {
      const world = new World();
      world.probe = async () => 'refuses';
      await world.serve(many(count));
      for (let n = 0; n < count; n++) {
        if (world.eligible.includes(`i${n}`)) await outcome(world, `i${n}`, ...times(3, 503));
      }
      expect(world.events('ejected').length, `of ${count}`).to.equal(most);
      await world.close();
    }
  });

  it('does not let failed connects use up the share of soft ejections', async () => {
    const world = new World();
    world.probe = async () => 'refuses';
    await world.serve(many(10));
    for (let n = 0; n < 3; n++) await outcome(world, `i${n}`, NOT_SENT);
    await outcome(world, 'i3', ...times(3, 503));
    expect(world.eligible).to.have.length(6);
  });

  it('gives the share free when an ejected instance leaves', async () => {
    const world = new World();
    await world.serve(many(10));
    await outcome(world, 'i0', ...times(3, 503));
    world.registry.last().publish(many(10).slice(1));
    await outcome(world, 'i1', ...times(3, 503));
    expect(world.eligible).to.have.length(8);
    // and takes it again when it comes back ejected
    world.registry.last().publish(many(10));
    await outcome(world, 'i2', ...times(5, 503));
    expect(world.eligible).to.have.length(8);
  });
});

describe('a softly ejected instance', () => {
  afterEach(closeWorlds);

  it('is used again while fewer than half are left, and never one that cannot be connected to', async () => {
    const world = new World();
    world.probe = async () => 'refuses';
    await world.serve(many(10));
    await outcome(world, 'i0', ...times(3, 503));
    for (let n = 1; n < 5; n++) await outcome(world, `i${n}`, NOT_SENT);
    expect(world.eligible).to.deep.equal(['i5', 'i6', 'i7', 'i8', 'i9']);
    await outcome(world, 'i5', NOT_SENT);
    expect(world.eligible, 'panic').to.deep.equal(['i0', 'i6', 'i7', 'i8', 'i9']);
    expect((await world.engine.explain('orders')).summary).to.include('PANIC');
  });

  it('is the only one left when none can be connected to', async () => {
    const world = await serving(['a', 'b']);
    world.probe = async () => 'refuses';
    await outcome(world, 'a', ...times(3, 503));
    await outcome(world, 'b', NOT_SENT);
    expect(world.eligible).to.deep.equal(['a']);
  });
});

describe('an ejected instance', () => {
  afterEach(closeWorlds);

  it('is asked by a connect, then by one call, and is back with a clean slate after its answer', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', NOT_SENT);
    const ejectedAt = world.clock.now();
    expect(world.probes).to.deep.equal([]);
    await world.clock.advance(ejection.probeMs);
    expect(world.probes).to.have.length(1);
    expect(world.probes[0]?.at).to.be.within(ejectedAt + ejection.probeMs / 2, ejectedAt + ejection.probeMs);
    expect(world.eligible).to.deep.equal(['b']);
    const transport = fakeTransport();
    const probing = await world.called(transport);
    const others = [await world.called(transport), await world.called(transport)];
    expect(transport.tries.map(({ id }) => id)).to.deep.equal(['a', 'b', 'b']);
    expect(transport.tries.map(({ attempt }) => attempt.lease.purpose)).to.deep.equal([
      'probe',
      'call',
      'call',
    ]);
    for (const one of transport.tries) one.answer();
    await settle();
    expect([probing, ...others].map(({ state }) => state)).to.deep.equal([
      'answered',
      'answered',
      'answered',
    ]);
    expect(world.eligible).to.deep.equal(['a', 'b']);
    expect(world.events('restored')).to.have.length(1);
    await outcome(world, 'a', NO_ANSWER);
    expect(world.eligible, 'nothing is left of what was before').to.deep.equal(['a', 'b']);
  });

  it('is asked half as often after each failed connect, but at least every 2 s, with jitter', async () => {
    const world = await serving(['a', 'b']);
    world.probe = async () => 'refuses';
    await outcome(world, 'a', NOT_SENT);
    let before = world.clock.now();
    await world.clock.advance(120_000);
    const gaps = world.probes.map(({ at }) => {
      const gap = at - before;
      before = at;
      return gap;
    });
    gaps.forEach((gap, level) => {
      const most = Math.min(2_000, ejection.probeMaxMs, ejection.probeMs * 2 ** level);
      expect(gap, `probe ${level}`).to.be.within(most / 2, most);
    });
    expect(gaps.length).to.be.at.least(12);
    expect(new Set(gaps.slice(5)).size, 'distinct waits').to.be.greaterThan(3);
  });

  it('takes a connect that throws, at once or later, for a failed one', async () => {
    for (const throws of [
      () => {
        throw error;
      },
      () => Promise.reject(error),
    ]) {
      const world = await serving(['a', 'b']);
      await outcome(world, 'a', NOT_SENT);
      world.probe = throws;
      await world.clock.advance(60_000);
      expect(world.probes.length).to.be.greaterThan(5);
      await world.close();
    }
  });

  it('rests twice as long after a failed probing call, whose caller never notices', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', ...times(2, NO_ANSWER));
    for (let level = 0; level < 4; level++) {
      const most = ejection.probeMs * 2 ** level;
      await world.clock.advance(most / 2 - 1);
      expect((await world.called(fakeTransport(answering()))).value, 'too early').to.equal('200 of b');
      await world.clock.advance(most / 2 + 1);
      const transport = fakeTransport((one) => (one.id === 'a' ? one.fail('no-answer') : one.answer()));
      expect((await world.called(transport)).value).to.equal('200 of b');
      expect(transport.ids).to.deep.equal(['a', 'b']);
    }
  });

  it('counts a bad answer whose body breaks as one failed probe', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', ...times(2, NO_ANSWER));
    await world.clock.advance(ejection.probeMs);
    const transport = fakeTransport();
    const probing = world.call(transport, { attempts: 2 });
    await settle();
    expect(transport.ids).to.deep.equal(['a']);
    const { lease } = transport.tries[0]!.attempt;
    lease.responded(503);
    const before = world.clock.now();
    lease.done({ kind: 'body-broken', error });
    transport.tries[0]?.answer(503);
    await settle();
    transport.tries[1]?.answer();
    await probing.promise;
    const { instances: rows } = await world.engine.explain('orders');
    const why = rows.find(({ endpoint }) => endpoint.id === 'a')?.why ?? '';
    const next = Number(/asked again in ([\d.]+) s/.exec(why)?.[1]) * 1_000;
    expect(next, why).to.be.within(ejection.probeMs - 60, ejection.probeMs * 2 + 60);
    expect(before).to.equal(world.clock.now());
  });

  it('is not brought back by a call that was sent before its ejection', async () => {
    const world = await serving(['a', 'b']);
    const old = await tryAt(world, 'a');
    await world.clock.advance(10);
    await outcome(world, 'a', NOT_SENT);
    await world.clock.advance(10);
    old.responded(200);
    old.done({ kind: 'answered' });
    expect(world.eligible).to.deep.equal(['b']);
  });

  it('is not ejected again by calls that failed before its return', async () => {
    const world = await serving(['a', 'b']);
    const old = [];
    for (let n = 0; n < 10; n++) old.push(await tryAt(world, 'a'));
    await world.clock.advance(10);
    await outcome(world, 'a', NOT_SENT);
    await world.clock.advance(ejection.probeMs);
    await world.called(fakeTransport(answering()));
    expect(world.eligible).to.deep.equal(['a', 'b']);
    for (const lease of old) lease.done({ kind: 'not-sent', error });
    expect(world.eligible).to.deep.equal(['a', 'b']);
    expect(world.events('ejected')).to.have.length(1);
  });

  it('offers its probe to the next call when the probing one was canceled', async () => {
    const world = await serving(['a', 'b']);
    await outcome(world, 'a', ...times(2, NO_ANSWER));
    await world.clock.advance(ejection.probeMs);
    const abort = new AbortController();
    const transport = fakeTransport();
    await world.called(transport, { signal: abort.signal });
    abort.abort(new Error('changed my mind'));
    await settle();
    await world.called(transport);
    expect(transport.ids).to.deep.equal(['a', 'a']);
  });

  it('is never probed by a call that could not be tried elsewhere, until a long time has passed', async () => {
    for (const risky of [{ idempotent: false }, { replayable: false }, { attempts: 1 }]) {
      const world = await serving(['a', 'b']);
      await outcome(world, 'a', ...times(2, NO_ANSWER));
      await world.clock.advance(ejection.probeMs);
      const transport = fakeTransport(answering());
      await world.called(transport, risky);
      await world.clock.advance(9_000);
      await world.called(transport, risky);
      expect(transport.ids, JSON.stringify(risky)).to.deep.equal(['b', 'b']);
      await world.clock.advance(1_100);
      await world.called(transport, risky);
      expect(transport.ids[2]).to.equal('a');
      await world.close();
    }
  });

  it('that accepts connections again is probed by any call that can be sent again after a refused connect', async () => {
    const rows: readonly [object, string][] = [
      [{ idempotent: false }, 'a'],
      [{ idempotent: false, replayable: false }, 'b'],
      [{ attempts: 1 }, 'b'],
    ];
    for (const [request, first] of rows) {
      const world = await serving(['a', 'b']);
      await outcome(world, 'a', NOT_SENT);
      await world.clock.advance(ejection.probeMs);
      const transport = fakeTransport(answering());
      await world.called(transport, request);
      expect(transport.ids, JSON.stringify(request)).to.deep.equal([first]);
      await world.close();
    }
  });

  it('is not probed by a call while it is draining, set aside or of a later priority, and others are left', async () => {
    for (const facts of [{ state: 'draining' as const }, { weight: 0 }, { priority: 1 }]) {
      const world = await serving(['a', 'b']);
      await outcome(world, 'a', ...times(2, NO_ANSWER));
      world.registry.last().publish([{ ...instance('a'), ...facts }, instance('b')]);
      await world.clock.advance(60_000);
      const transport = fakeTransport(answering());
      for (let n = 0; n < 5; n++) await world.called(transport);
      expect(new Set(transport.ids), JSON.stringify(facts)).to.deep.equal(new Set(['b']));
      await world.close();
    }
  });

  it('of an earlier priority is probed while a later one is in use', async () => {
    const world = new World();
    await world.serve([instance('a'), { ...instance('b'), priority: 1 }]);
    await outcome(world, 'a', NOT_SENT);
    expect(world.eligible).to.deep.equal(['b']);
    await world.clock.advance(ejection.probeMs);
    await world.called(fakeTransport(answering()));
    expect(world.eligible).to.deep.equal(['a']);
  });

  it('is asked no more once it left or the engine closed, even when a connect was on its way', async () => {
    for (const ends of ['leaves', 'closes'] as const) {
      const world = await serving(['a', 'b']);
      let answer: (reach: Reach) => void = () => {};
      world.probe = () =>
        new Promise((resolve) => {
          answer = resolve;
        });
      await outcome(world, 'a', NOT_SENT);
      await world.clock.advance(ejection.probeMs);
      if (ends === 'leaves') world.registry.last().publish(instances('b'));
      else await world.close();
      answer('refuses');
      await world.clock.advance(600_000);
      expect(world.probes, ends).to.have.length(1);
      if (ends === 'closes') expect(world.clock.pending).to.equal(0);
      await world.close();
    }
  });

  it('has one probe at a time, also when it left and came back while a connect was on its way', async () => {
    const world = await serving(['a', 'b'], { defaults: { guard: { maxLossShare: 1 } } });
    const answers: ((reach: Reach) => void)[] = [];
    world.probe = () => new Promise((resolve) => void answers.push(resolve));
    await outcome(world, 'a', NOT_SENT);
    await world.clock.advance(ejection.probeMs);
    world.registry.last().publish(instances('b'));
    world.registry.last().publish(instances('a', 'b'));
    answers[0]?.('accepts');
    await settle();
    const transport = fakeTransport();
    await world.called(transport);
    await world.clock.advance(ejection.probeMs);
    for (const answer of answers) answer('accepts');
    await settle();
    for (let n = 0; n < 3; n++) await world.called(transport);
    expect(transport.ids.filter((id) => id === 'a')).to.have.length(1);
  });

  it('leaves no timer behind when a lease reports after close', async () => {
    const world = await serving(['a', 'b']);
    const lease = await tryAt(world, 'a');
    await world.close();
    lease.done({ kind: 'not-sent', error });
    expect(world.clock.pending).to.equal(0);
  });
});
