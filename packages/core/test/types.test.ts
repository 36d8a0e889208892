import { createEngine, type Engine, type Registry, type Strategy } from '@crowfly/core';
import { expect } from 'chai';
import { roundRobin } from './support/round-robin.js';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(value: T): void => void expect(value).to.equal(true);

describe('types (held by the type check of the tests)', () => {
  it('name the services, when the caller does', async () => {
    const engine = createEngine<'orders' | 'users'>(roundRobin, {
      env: false,
      services: { orders: { url: 'http://localhost:1' } },
    });
    holds<Equal<Parameters<typeof engine.instances>[0], 'orders' | 'users'>>(true);
    const asked = [
      engine.instances('orders'),
      // @ts-expect-error a name that is none of them
      engine.instances('ordrs').catch(() => {}),
      // @ts-expect-error a name that is none of them
      engine.ready(['stock']).catch(() => {}),
    ];
    await Promise.allSettled(asked.slice(0, 1));
    const stop = engine.watch('orders', (snapshot) => {
      if (snapshot.status === 'ready') holds<Equal<typeof snapshot.version, number>>(true);
      // @ts-expect-error only a set that is known has a version
      void snapshot.version;
    });
    stop();
    // @ts-expect-error a row of a name that is none of them
    createEngine<'orders'>(roundRobin, { env: false, services: { ordrs: {} } });
    await engine.close();
  });

  it('are plain strings otherwise, also when a table is given', async () => {
    const engine = createEngine(roundRobin, {
      env: false,
      services: { orders: { url: 'http://localhost:1' } },
    });
    holds<Equal<typeof engine, Engine<string>>>(true);
    void engine.explain('anything at all');
    await engine.close();
  });

  it('tie each event to its facts', async () => {
    const engine = createEngine(roundRobin, { env: false });
    engine.on('ejected', ({ endpoint, evidence }) => {
      holds<Equal<typeof endpoint.port, number>>(true);
      holds<Equal<typeof evidence, 'hard' | 'soft'>>(true);
    });
    // @ts-expect-error there is no such event
    expect(() => engine.on('ejcted', () => {})).to.throw("did you mean 'ejected'?");
    await engine.close();
  });

  it('let an adapter and a strategy be written as object literals', () => {
    const registry: Registry = {
      kind: 'x',
      id: 'x',
      supports: { unknown: false },
      locate: () => ({ key: 'x' }),
      watch: async (_service, feed) => feed.publish([]),
    };
    const strategy: Strategy = () => ({ update() {}, pick: () => undefined });
    expect([typeof registry.watch, typeof strategy]).to.deep.equal(['function', 'function']);
  });
});
