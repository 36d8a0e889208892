import { spawn } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createEngine, type Engine } from '@crowfly/core';
import { settle, VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instance, many } from '../support/instances.js';
import { size } from '../support/long.js';
import { roundRobin } from '../support/round-robin.js';
import { ScriptedRegistry } from '../support/scripted-registry.js';
import { answering, fakeTransport } from '../support/transport.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are still held after everything that can be let go was let go. */
async function heap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    await settle();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** The growth of the heap by `count` times `one`, in percent, after a warm-up of a third of that. */
async function growth(count: number, one: (index: number) => Promise<unknown>): Promise<number> {
  const run = async (times: number): Promise<void> => {
    for (let index = 0; index < times; index++) await one(index);
  };
  await run(Math.ceil(count / 3));
  const before = await heap();
  await run(count);
  const after = await heap();
  return ((after - before) / before) * 100;
}

function open(registry: ScriptedRegistry, clock: VirtualClock): Engine {
  return createEngine(roundRobin, { registry: registry.factory, clock, env: false, logger: false });
}

const request = { idempotent: true, replayable: true };

describe('nothing is left behind', () => {
  it('by calls: answered, retried, timed out, aborted, failed', async () => {
    const clock = new VirtualClock();
    const registry = new ScriptedRegistry({ onWatch: (watch) => watch.publish(many(20)) });
    const engine = open(registry, clock);
    const route = engine.route(new URL('http://orders/'))!;
    // One signal for many calls, as a server's shutdown signal is: the usual place for a leak.
    const shared = new AbortController();
    const percent = await growth(size(20_000, 100_000), async (index) => {
      const own = new AbortController();
      const signal = index % 2 === 0 ? shared.signal : own.signal;
      const transport = fakeTransport((one) => {
        switch (index % 8) {
          case 1:
            return one.attempt.number === 0 ? one.fail('no-answer') : one.answer();
          case 3:
            return one.fail('fatal');
          case 5:
            return own.abort();
          case 7:
            return one.answer(503);
          default:
            return one.answer();
        }
      });
      await engine.call(route, { ...request, signal, key: `k${index}` }, transport).catch(() => {});
      if (index % 50 === 0) await clock.advance(1_000);
    });
    await settle();
    expect(percent, 'growth of the heap in %').to.be.at.most(5);
    const closing = engine.close();
    await clock.advance(20_000);
    await closing;
    expect(clock.pending).to.equal(0);
  }).timeout(size(60_000, 600_000));

  it('by subscribing to a service and ending it', async () => {
    const clock = new VirtualClock();
    const registry = new ScriptedRegistry({ onWatch: (watch) => watch.publish(many(20)) });
    const engine = open(registry, clock);
    const percent = await growth(size(10_000, 100_000), async (index) => {
      const stop = engine.watch('orders', () => {});
      const off = engine.on('snapshot', () => {});
      if (index % 100 === 0) registry.last().publish([...many(20), instance(`x${index}`)]);
      stop();
      off();
    });
    expect(percent, 'growth of the heap in %').to.be.at.most(5);
    await engine.close();
  }).timeout(size(60_000, 600_000));

  it('by opening an engine, using it and closing it', async () => {
    const percent = await growth(size(500, 10_000), async () => {
      const clock = new VirtualClock();
      const engine = open(new ScriptedRegistry({ onWatch: (watch) => watch.publish(many(20)) }), clock);
      const route = engine.route(new URL('http://orders/'))!;
      await engine.call(route, request, fakeTransport(answering()));
      const closing = engine.close();
      await clock.advance(100);
      await closing;
      expect(clock.pending).to.equal(0);
    });
    expect(percent, 'growth of the heap in %').to.be.at.most(5);
  }).timeout(size(60_000, 600_000));

  it('by instances that come and go, eject and return', async () => {
    const clock = new VirtualClock();
    const registry = new ScriptedRegistry({ onWatch: (watch) => watch.publish(many(20)) });
    const engine = createEngine(roundRobin, {
      registry: registry.factory,
      clock,
      env: false,
      logger: false,
      probe: async () => 'refuses',
    });
    engine.watch('orders', () => {});
    const percent = await growth(size(3_000, 30_000), async (index) => {
      registry.last().publish(Array.from({ length: 20 }, (_, n) => instance(`pod-${index + n}`)));
      const lease = await engine.acquire('orders');
      lease.done(index % 2 === 0 ? { kind: 'not-sent', error: 1 } : { kind: 'answered' });
      await clock.advance(1_000);
    });
    expect(percent, 'growth of the heap in %').to.be.at.most(5);
    await engine.close();
  }).timeout(size(120_000, 900_000));

  it('by watches that fail again and again', async () => {
    const clock = new VirtualClock();
    const registry = new ScriptedRegistry({ onWatch: (watch) => watch.fail(new Error('down')) });
    const engine = open(registry, clock);
    engine.watch('orders', () => {});
    const percent = await growth(size(2_000, 30_000), async () => {
      registry.watches.length = 0;
      await clock.advance(30_000);
    });
    expect(percent, 'growth of the heap in %').to.be.at.most(5);
    await engine.close();
  }).timeout(size(60_000, 600_000));
});

describe('a process', () => {
  /** Runs a program with an engine and a registry that publishes. @returns its exit code, and how long it lived */
  async function run(program: string): Promise<{ code: number | null; output: string }> {
    const source = `
      import { createEngine } from '@crowfly/core';
      const watching = (publish) => () => ({
        kind: 'x', id: 'x', supports: { unknown: true },
        locate: (target) => ({ key: typeof target === 'string' ? target : target.host }),
        watch: (service, feed) => new Promise((resolve, reject) => {
          feed.signal.addEventListener('abort', resolve, { once: true });
          publish(feed, reject);
        }),
      });
      const strategy = () => { let pool; return { update: (p) => { pool = p; }, pick: () => pool.eligible[0] }; };
      const one = [{ id: 'a', host: '127.0.0.1', port: 9 }];
      ${program}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      cwd: import.meta.dirname,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, output };
  }

  it('ends by itself while its discovery is idle, whatever it follows and waits for', async () => {
    const { code, output } = await run(`
      const idle = createEngine(strategy, { registry: watching((feed) => feed.publish(one)) });
      await idle.ready(['orders']);
      const lease = await idle.acquire('orders');
      lease.done({ kind: 'not-sent', error: 1 });               // a probe is due in 250 to 500 ms
      (await idle.acquire('orders')).responded(200);            // a body that nobody reads
      idle.watch('users', () => {});
      const down = createEngine(strategy, { logger: false, registry: watching((feed, fail) => fail(new Error('down'))) });
      down.watch('orders', () => {});                           // a backoff
      const held = createEngine(strategy, { logger: false, registry: watching((feed) => { feed.publish(one); feed.publish([]); }) });
      await held.ready(['orders']);                             // a hold of 30 s
      console.log('idle');
    `);
    expect(output).to.include('idle');
    expect(code, output).to.equal(0);
  }).timeout(30_000);

  it('stays alive as long as a caller waits', async () => {
    const { code, output } = await run(`
      const engine = createEngine(strategy, { logger: false, limits: { firstSetMs: 300 }, registry: watching(() => {}) });
      await engine.instances('orders').catch((error) => console.log(error.code));
      await engine.close();
      console.log('closed');
    `);
    expect(output).to.equal('registry-timeout\nclosed\n');
    expect(code).to.equal(0);
  }).timeout(30_000);
});
