import { inspect } from 'node:util';
import { DEFAULTS, isCrowflyError } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { instances, many } from '../support/instances.js';
import { size } from '../support/long.js';
import {
  answering,
  Failed,
  type FakeTransport,
  failing,
  fakeTransport,
  type Try,
} from '../support/transport.js';
import { type Call, closeWorlds, World, type WorldOptions } from '../support/world.js';

const { timeouts } = DEFAULTS;

async function serving(ids: readonly string[] = ['a', 'b', 'c'], options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.serve(instances(...ids));
  return world;
}

const inFlight = (world: World): number[] => world.pool.members.map((member) => member.inFlight);

function expectIdle(world: World): void {
  expect(inFlight(world), 'tries in flight').to.deep.equal(world.pool.members.map(() => 0));
  expect(world.pool.inFlight).to.equal(0);
}

/** What a call that must have failed has failed with. */
function failure(call: Call): { code?: string; message: string } & Record<string, unknown> {
  expect(call.state).to.equal('failed');
  return call.error as never;
}

const timeoutError = (): DOMException =>
  new DOMException('The operation was aborted due to timeout', 'TimeoutError');

describe('one call', () => {
  afterEach(closeWorlds);

  it('goes to one instance and brings its answer, whatever the status', async () => {
    for (const status of [200, 204, 301, 404, 429, 500, 501]) {
      const world = await serving();
      const transport = fakeTransport(answering(status));
      const call = await world.called(transport);
      expect(call.value).to.equal(`${status} of ${transport.ids[0]}`);
      expect(transport.ids).to.have.length(1);
      expectIdle(world);
      await world.close();
    }
  });

  it('counts as in flight from the pick to the end of the body', async () => {
    const world = await serving(['a']);
    const transport = fakeTransport();
    await world.called(transport);
    expect(inFlight(world)).to.deep.equal([1]);
    transport.tries[0]?.answer(200, { open: true });
    await settle();
    expect(inFlight(world)).to.deep.equal([1]);
    transport.tries[0]?.attempt.lease.done({ kind: 'answered' });
    expectIdle(world);
  });

  it('no longer counts as load half a minute after the head of an answer whose body nobody reads', async () => {
    const world = await serving(['a']);
    const transport = fakeTransport((one) => one.answer(200, { open: true }));
    await world.called(transport);
    await world.clock.advance(30_000);
    expectIdle(world);
    transport.tries[0]?.attempt.lease.done({ kind: 'answered' });
    expectIdle(world);
  });

  it('measures the time to the first byte, and not that of a failing answer', async () => {
    const world = await serving(['a']);
    const transport = fakeTransport();
    await world.called(transport);
    await world.clock.advance(120);
    transport.tries[0]?.answer(500);
    await settle();
    expect(world.pool.members[0]?.measured).to.equal(false);
    await world.called(transport);
    await world.clock.advance(120);
    transport.tries[1]?.answer(200);
    await settle();
    expect(world.pool.members[0]?.latencyMs(world.clock.now())).to.equal(120);
  });

  it('says to the transport how long a connect may take', async () => {
    const world = await serving(['a']);
    const transport = fakeTransport(answering());
    await world.called(transport);
    await world.called(transport, { timeouts: { connectMs: 7 } });
    expect(transport.tries.map(({ attempt }) => attempt.connectMs)).to.deep.equal([timeouts.connectMs, 7]);
    expect(transport.tries.map(({ attempt }) => attempt.number)).to.deep.equal([0, 0]);
  });
});

describe('another try', () => {
  afterEach(closeWorlds);

  /** Tries made of a call that fails in one way, for each sort of request. */
  async function tries(
    kind: Parameters<typeof failing>[0] | 503 | 'throws',
    request: object,
  ): Promise<number> {
    const world = await serving();
    const transport = fakeTransport((one) => {
      if (kind === 503) one.answer(503);
      else if (kind === 'throws') throw new Failed('not-sent');
      else one.fail(kind);
    });
    const call = world.call(transport, request);
    await world.clock.advance(5_000);
    expect(call.state).not.to.equal('running');
    expectIdle(world);
    await world.close();
    return transport.ids.length;
  }

  it('is made when nothing was sent or the request may be executed twice, and its body can be sent again', async () => {
    const requests = {
      idempotent: { idempotent: true, replayable: true },
      'not idempotent': { idempotent: false, replayable: true },
      'idempotent stream': { idempotent: true, replayable: false },
      stream: { idempotent: false, replayable: false },
      'attempts: 1': { idempotent: true, replayable: true, attempts: 1 },
      'attempts: 2': { idempotent: true, replayable: true, attempts: 2 },
    };
    const table: Record<string, number[]> = {};
    for (const [name, request] of Object.entries(requests)) {
      table[name] = [];
      for (const kind of [
        'not-sent',
        'throws',
        'no-answer',
        'timed-out',
        503,
        'canceled',
        'fatal',
      ] as const) {
        table[name]?.push(await tries(kind, request));
      }
    }
    expect(table).to.deep.equal({
      //                    not-sent, throws, no-answer, timed-out, 503, canceled, fatal
      idempotent: [3, 3, 3, 3, 3, 1, 1],
      'not idempotent': [3, 3, 1, 1, 1, 1, 1],
      'idempotent stream': [1, 1, 1, 1, 1, 1, 1],
      stream: [1, 1, 1, 1, 1, 1, 1],
      'attempts: 1': [1, 1, 1, 1, 1, 1, 1],
      'attempts: 2': [2, 2, 2, 2, 2, 1, 1],
    });
  });

  it('goes to other instances, and only then, after a moment, to one that failed', async () => {
    const world = await serving(['a', 'b'], { defaults: { ejection: { resets: 0 } } });
    const transport = fakeTransport(failing('no-answer'));
    const call = world.call(transport, { attempts: 4 });
    await settle();
    expect([...transport.ids].sort(), 'at once').to.deep.equal(['a', 'b']);
    await world.clock.advance(2 * DEFAULTS.retry.backoffMaxMs);
    expect(transport.ids).to.have.length(4);
    expect(call.state).to.equal('failed');
    expect(world.events('retry').map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3]);
  });

  it('is told to the transport and the strategy as such', async () => {
    const world = await serving();
    const transport = fakeTransport(failing('no-answer'));
    await world.called(transport);
    expect(transport.tries.map(({ attempt }) => [attempt.number, attempt.lease.purpose])).to.deep.equal([
      [0, 'call'],
      [1, 'retry'],
      [2, 'retry'],
    ]);
  });

  it('follows a bad status only while an untried instance is left, and the last answer is the answer', async () => {
    const world = await serving(['a', 'b']);
    const transport = fakeTransport((one) => one.answer(one.attempt.number === 0 ? 502 : 503));
    const call = await world.called(transport, { attempts: 5 });
    expect(transport.ids).to.have.length(2);
    expect(call.value).to.equal(`503 of ${transport.ids[1]}`);
    expect(transport.tries.map(({ discarded }) => discarded)).to.deep.equal([true, false]);
    expectIdle(world);
  });

  it('follows the statuses that the options name', async () => {
    const world = await serving(['a', 'b'], { defaults: { retry: { statuses: [429] } } });
    const limited = fakeTransport(answering(429));
    await world.called(limited);
    expect(limited.ids).to.have.length(2);
    const unavailable = fakeTransport(answering(503));
    await world.called(unavailable);
    expect(unavailable.ids).to.have.length(1);
  });

  it('that fails leaves an error, even when one before it was answered', async () => {
    const world = await serving(['a', 'b']);
    const transport = fakeTransport((one) =>
      one.attempt.number === 0 ? one.answer(503) : one.fail('no-answer'),
    );
    const call = await world.called(transport, { attempts: 2 });
    expect(failure(call)).to.include({ code: 'call-failed', attempts: 2 });
  });

  it('is not made for a fatal error, which the caller gets as it is', async () => {
    const world = await serving();
    const wrong = new TypeError('the header name is invalid');
    const call = await world.called(fakeTransport((one) => one.throws(wrong)));
    expect(call.error).to.equal(wrong);
    expect(world.events('ejected')).to.deep.equal([]);
    expectIdle(world);
  });

  it('has nobody left to go to when the service vanished meanwhile: the error tells how the last try failed', async () => {
    const world = await serving(['a']);
    const transport = fakeTransport();
    const call = await world.called(transport);
    world.registry.last().publish([]);
    transport.tries[0]?.fail('not-sent', 'connect ECONNREFUSED');
    await world.clock.advance(1_000);
    expect(failure(call).message).to.include('ECONNREFUSED');
    expect(failure(call)).to.include({ code: 'call-failed', attempts: 1 });
    expect(failure(call).instance).to.match(/^a \(/);
  });
});

describe('the time limits of a call', () => {
  afterEach(closeWorlds);

  it('move an idempotent call to the next instance when no first byte comes in time', async () => {
    const world = await serving();
    const transport = fakeTransport((one) => (one.attempt.number < 2 ? undefined : one.answer()));
    const call = world.call(transport, { timeouts: { firstByteMs: 100 } });
    await world.clock.advance(99);
    expect(transport.ids).to.have.length(1);
    await world.clock.advance(1);
    expect(transport.ids).to.have.length(2);
    await world.clock.advance(100);
    expect(call.state).to.equal('answered');
    expect(new Set(transport.ids).size).to.equal(3);
    expect(isCrowflyError(transport.tries[0]?.aborted?.reason, 'timeout')).to.equal(true);
    expectIdle(world);
  });

  it('end all tries, waits and the wait for the first set together', async () => {
    const limits = { totalMs: 1_000, firstByteMs: 300 };
    const slow = await serving(['a', 'b']);
    const tried = slow.call(fakeTransport(), { timeouts: limits, attempts: 20 });
    await slow.clock.advance(1_000);
    expect(failure(tried)).to.include({ code: 'timeout', service: 'orders', registry: 'scripted:test' });
    expect(failure(tried).attempts).to.equal(4);
    expect(failure(tried).instance).to.match(/^[ab] \(/);
    expect(failure(tried).message).to.match(/1000 ms.*totalMs/);
    expectIdle(slow);

    const pending = new World();
    const waiting = pending.call(fakeTransport(answering()), { timeouts: limits });
    await pending.clock.advance(999);
    expect(waiting.state).to.equal('running');
    await pending.clock.advance(1);
    expect(failure(waiting).code).to.equal('timeout');
    expect(failure(waiting).message).to.match(/scripted:test.*totalMs/);

    const late = new World();
    const both = late.call(fakeTransport(), { timeouts: limits, attempts: 1 });
    await late.clock.advance(800);
    late.registry.last().publish(instances('a'));
    await late.clock.advance(200);
    expect(failure(both).message, 'what was left of the time').to.match(/totalMs/);
  });

  it('cost the instance only when it had most of the time to itself', async () => {
    const world = await serving(['a'], { defaults: { ejection: { timeouts: 1 } } });
    world.registry.last().publish(instances('a', 'b'));
    const transport = fakeTransport((one) => (one.attempt.number === 0 ? undefined : undefined));
    world.call(transport, { timeouts: { firstByteMs: 700, totalMs: 1_000 } });
    await world.clock.advance(1_000);
    expect(world.events('ejected').map(({ endpoint }) => endpoint.id)).to.deep.equal([transport.ids[0]]);
  });

  it('come from the call, then the service, then the discovery, then the defaults', async () => {
    const world = new World({
      defaults: { timeouts: { totalMs: 5_000, firstByteMs: 4_000 } },
      services: { orders: { timeouts: { firstByteMs: 3_000 } } },
    });
    await world.serve(instances('a'));
    const cases: readonly [object, number][] = [
      [{}, 3_000],
      [{ timeouts: { firstByteMs: 1_000 } }, 1_000],
      [{ timeouts: { firstByteMs: 9_000 } }, 5_000],
      [{ timeouts: { firstByteMs: undefined } }, 3_000],
    ];
    for (const [request, expected] of cases) {
      const call = world.call(fakeTransport(), { attempts: 1, ...request });
      await world.clock.advance(expected - 1);
      expect(call.state, JSON.stringify(request)).to.equal('running');
      await world.clock.advance(1);
      expect(call.state).to.equal('failed');
    }
  });
});

describe('a caller that aborts', () => {
  afterEach(closeWorlds);

  const reason = new Error('the user went away');

  /** Aborts a call at one stage of its life. @returns what the call ended with, without time passing */
  async function aborted(
    stage: string,
    why: unknown,
  ): Promise<{ call: Call; world: World; transport: FakeTransport }> {
    const abort = new AbortController();
    const request = { signal: abort.signal, attempts: 5 };
    const world = new World({ defaults: { ejection: { resets: 0 } } });
    const transport = fakeTransport();
    let call: Call;
    switch (stage) {
      case 'before':
        abort.abort(why);
        call = world.call(transport, request);
        break;
      case 'while it waits for the first set':
        call = world.call(transport, request);
        await settle();
        abort.abort(why);
        break;
      case 'inside of send':
        await world.serve(instances('a'));
        transport.behave = () => abort.abort(why);
        call = world.call(transport, request);
        break;
      case 'during a try':
        await world.serve(instances('a'));
        call = await world.called(transport, request);
        abort.abort(why);
        break;
      case 'between tries':
        await world.serve(instances('a'));
        transport.behave = failing('no-answer');
        call = await world.called(transport, request);
        expect(transport.ids).to.have.length(1);
        abort.abort(why);
        break;
      default:
        throw new Error(stage);
    }
    await settle();
    return { call, world, transport };
  }

  for (const stage of [
    'before',
    'while it waits for the first set',
    'inside of send',
    'during a try',
    'between tries',
  ]) {
    it(`${stage} gets its own reason at once, and nothing is left behind`, async () => {
      for (const why of [reason, 'a string', timeoutError()]) {
        const { call, world, transport } = await aborted(stage, why);
        expect(call.state).to.equal('failed');
        expect(call.error).to.equal(why);
        for (const one of transport.tries) {
          if (stage !== 'between tries') expect(one.aborted?.reason).to.equal(why);
        }
        if (world.recorded.balancers.length > 0) expectIdle(world);
        await world.close();
        expect(world.clock.pending).to.equal(0);
      }
    });
  }

  it('is no evidence against the instance, unless it was its time limit', async () => {
    for (const [why, ejections] of [
      [reason, 0],
      [new DOMException('aborted', 'AbortError'), 0],
      [timeoutError(), 1],
    ] as const) {
      const world = await serving(['a', 'b']);
      for (let n = 0; n < 20; n++) {
        const abort = new AbortController();
        world.call(fakeTransport(), { signal: abort.signal });
        await world.clock.advance(500);
        abort.abort(why);
        await settle();
      }
      expect(world.events('ejected').length, String(why)).to.equal(ejections);
      expectIdle(world);
      await world.close();
    }
  });

  it('leaves a lower bound of the latency', async () => {
    const world = await serving(['a']);
    const abort = new AbortController();
    world.call(fakeTransport(), { signal: abort.signal });
    await world.clock.advance(700);
    abort.abort(reason);
    await settle();
    expect(world.pool.members[0]?.latencyMs(world.clock.now())).to.equal(700);
  });

  it('hears nothing more of it: its signal is let go when the call ends', async () => {
    const world = await serving();
    const abort = new AbortController();
    let listeners = 0;
    const { signal } = abort;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    await world.called(fakeTransport(answering()), { signal });
    await world.called(fakeTransport(failing('fatal')), { signal });
    expect(listeners).to.equal(0);
  });

  it('still gets its reason from a transport that cannot be aborted, or whose abort throws', async () => {
    for (const throws of [false, true]) {
      const world = await serving();
      const abort = new AbortController();
      const transport = fakeTransport(
        (one) => {
          if (!throws) return;
          one.attempt.onAbort(() => {
            throw new Error('cannot abort');
          });
        },
        { abortable: false },
      );
      const call = await world.called(transport, { signal: abort.signal });
      abort.abort(reason);
      await settle();
      expect(call.error).to.equal(reason);
      expectIdle(world);
      await world.close();
    }
  });
});

describe('an answer that comes too late', () => {
  afterEach(closeWorlds);

  it('is discarded, so that it holds no connection', async () => {
    for (const ends of ['the caller aborts', 'the time is over', 'the discovery is closed'] as const) {
      const world = await serving(['a'], { limits: { closeMs: 100 } });
      const abort = new AbortController();
      const transport = fakeTransport(undefined, { abortable: false });
      const call = await world.called(transport, {
        signal: abort.signal,
        attempts: 1,
        timeouts: { firstByteMs: 50 },
      });
      if (ends === 'the caller aborts') abort.abort();
      if (ends === 'the time is over') await world.clock.advance(50);
      if (ends === 'the discovery is closed') {
        void world.engine.close();
        await world.clock.advance(200);
      }
      await settle();
      expect(call.state, ends).to.equal('failed');
      transport.tries[0]?.answer(200, { open: true });
      await settle();
      expect(transport.tries[0]?.discarded, ends).to.equal(true);
      await world.close();
    }
  });

  it('is discarded also when it comes in the very moment in which the try is aborted', async () => {
    for (const ends of ['the caller aborts', 'the time is over'] as const) {
      const world = await serving(['a']);
      const abort = new AbortController();
      const transport = fakeTransport((one) => one.attempt.onAbort(() => one.answer(200, { open: true })), {
        abortable: false,
      });
      const call = await world.called(transport, {
        signal: abort.signal,
        attempts: 1,
        timeouts: { firstByteMs: 50 },
      });
      if (ends === 'the caller aborts') abort.abort();
      else await world.clock.advance(50);
      await settle();
      expect(call.state === 'answered' || transport.tries[0]?.discarded, ends).to.equal(true);
      if (call.state !== 'answered') expectIdle(world);
      await world.close();
    }
  });

  it('that cannot be discarded harms nobody', async () => {
    const world = await serving(['a', 'b']);
    const transport = fakeTransport(undefined, { abortable: false });
    const broken = async (one: Try): Promise<void> => {
      one.answer(503, { open: true });
      const answer = await one.sent;
      answer.discard = () => {
        one.attempt.lease.done({ kind: 'answered' });
        throw new Error('the body is locked');
      };
    };
    transport.behave = (one) => void broken(one);
    const call = await world.called(transport);
    expect(call.value).to.match(/^503 of/);
    const late = fakeTransport(undefined, { abortable: false });
    const gone = await world.called(late, { attempts: 1, timeouts: { firstByteMs: 50 } });
    await world.clock.advance(50);
    expect(gone.state).to.equal('failed');
    void broken(late.tries[0]!);
    await settle();
    for (const { inFlight } of world.pool.members) expect(inFlight).to.be.at.least(0);
  });
});

describe('every try is completed exactly once', () => {
  afterEach(closeWorlds);

  it('also when the transport throws, resolves to nothing, or cannot say what its error means', async () => {
    const odd: Record<string, FakeTransport> = {
      'throws undefined': fakeTransport((one) => one.throws(undefined)),
      'throws at once': fakeTransport(() => {
        throw new Error('at once');
      }),
      'classify throws': Object.assign(fakeTransport(failing('no-answer')), {
        classify() {
          throw new Error('cannot say');
        },
      }),
      'resolves to nothing': Object.assign(fakeTransport(), {
        send: () => Promise.resolve(undefined) as never,
      }),
      'returns nothing': Object.assign(fakeTransport(), { send: () => undefined as never }),
      'a getter throws': fakeTransport((one) =>
        one.throws(
          Object.defineProperty({}, 'message', {
            get() {
              throw new Error('no message');
            },
          }),
        ),
      ),
    };
    for (const [name, transport] of Object.entries(odd)) {
      const world = await serving(['a', 'b']);
      const call = world.call(transport);
      await world.clock.advance(5_000);
      expect(call.state, name).to.equal('failed');
      expectIdle(world);
      await world.close();
    }
  });

  it('in any order of answers, ends, aborts, time limits, throws, changes of the set and close', async () => {
    type Step = (
      one: { tries: readonly Try[]; abort: AbortController; world: World },
      pick: number,
    ) => unknown;
    const at = (tries: readonly Try[], pick: number): Try | undefined =>
      tries[pick % Math.max(1, tries.length)];
    const steps: Record<string, Step> = {
      answer: ({ tries }, n) => at(tries, n)?.answer(n % 2 === 0 ? 200 : 503, { open: n % 3 === 0 }),
      responded: ({ tries }, n) => at(tries, n)?.attempt.lease.responded(n % 2 === 0 ? 200 : 500),
      done: ({ tries }, n) => at(tries, n)?.attempt.lease.done({ kind: 'answered' }),
      'done, broken': ({ tries }, n) => at(tries, n)?.attempt.lease.done({ kind: 'body-broken', error: 1 }),
      'done, canceled': ({ tries }, n) => at(tries, n)?.attempt.lease.done({ kind: 'canceled' }),
      fail: ({ tries }, n) =>
        at(tries, n)?.fail((['not-sent', 'no-answer', 'timed-out', 'canceled', 'fatal'] as const)[n % 5]!),
      abort: ({ abort }, n) => abort.abort(n % 2 === 0 ? timeoutError() : new Error('away')),
      time: ({ world }, n) => world.clock.advance(n * 10),
      turn: () => settle(),
      shrink: ({ world }) => world.registry.last().publish(many(1)),
      grow: ({ world }, n) => world.registry.last().publish(many(1 + (n % 4))),
      https: ({ world }) => world.call(fakeTransport(answering()), {}, 'https://orders/'),
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat(30)), { maxLength: 40 }),
        fc.record({
          idempotent: fc.boolean(),
          replayable: fc.boolean(),
          attempts: fc.integer({ min: 1, max: 5 }),
        }),
        fc.boolean(),
        async (script, request, abortable) => {
          const world = new World({
            defaults: { guard: { holdMs: 200 }, timeouts: { firstByteMs: 150, totalMs: 400 } },
          });
          await world.serve(many(3));
          const transport = fakeTransport(undefined, { abortable });
          const aborts = [new AbortController(), new AbortController(), new AbortController()];
          const calls = aborts.map(({ signal }) => world.call(transport, { ...request, signal }));
          await settle();
          for (const [name, pick] of script) {
            await steps[name]?.({ tries: transport.tries, abort: aborts[pick % 3]!, world }, pick);
            for (const { inFlight } of world.pool.members) expect(inFlight).to.be.at.least(0);
            const sum = world.pool.members.reduce((total, member) => total + member.inFlight, 0);
            for (const { pool } of world.recorded.balancers.slice(0, 1)) expect(pool.inFlight).to.equal(sum);
          }
          await world.clock.advance(1_000);
          for (const call of calls) expect(call.state).not.to.equal('running');
          // Bodies are the transport's: it ends those that are still open.
          for (const one of transport.tries) one.answer(200, { open: true });
          await settle();
          for (const one of transport.tries) one.attempt.lease.done({ kind: 'answered' });
          for (const { pool } of world.recorded.balancers) expect(pool.inFlight).to.equal(0);
          expectIdle(world);
          const before = world.clock.now();
          let closedAt = 0;
          void world.engine.close().then(() => {
            closedAt = world.clock.now();
          });
          await world.clock.advance(60_000);
          expect(closedAt - before, 'nothing is waited for').to.be.at.most(100);
          expect(world.clock.pending).to.equal(0);
        },
      ),
      { numRuns: size(150, 2_000) },
    );
  }).timeout(size(60_000, 600_000));
});

describe('an error of a call', () => {
  afterEach(closeWorlds);

  it('names service, registry, instance, tries and what to do', async () => {
    const world = await serving(['a', 'b', 'c']);
    const call = await world.called(fakeTransport(failing('no-answer')));
    const { code, message, service, registry, instance, attempts, cause } = failure(call);
    expect({ code, service, registry, attempts }).to.deep.equal({
      code: 'call-failed',
      service: 'orders',
      registry: 'scripted:test',
      attempts: 3,
    });
    expect(instance).to.match(/^[abc] \(10\.1\.\d+\.\d+:\d+\)$/);
    expect(message).to.include(`'orders'`).and.include('3 tries').and.include(String(instance));
    expect(cause).to.be.instanceOf(Failed);
    const once = await world.called(fakeTransport(failing('no-answer')), { idempotent: false });
    expect(failure(once).message).to.match(/may have been executed.*idempotent: true/);
  });

  it('contains no secret of the request, the endpoint or the options', async () => {
    const secret = 's3cr3t';
    const world = new World({ env: { SECRET: secret }, services: { orders: {} } });
    await world.serve([{ ...instances('a')[0], metadata: { token: secret } }]);
    const transport = fakeTransport((one) =>
      one.throws(
        Object.assign(new Failed('no-answer', 'socket hang up'), { options: { headers: { secret } } }),
      ),
    );
    const call = await world.called(transport, { key: secret, idempotent: false });
    const error = failure(call) as unknown as Error;
    const own = { ...error, cause: undefined };
    for (const text of [error.message, error.stack ?? '', JSON.stringify(own), inspect(own)]) {
      expect(text).not.to.include(secret);
    }
    expect(world.logged.join()).not.to.include(secret);
  });
});
