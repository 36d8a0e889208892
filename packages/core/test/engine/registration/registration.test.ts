import {
  createEngine,
  type Engine,
  type EventName,
  isCrowflyError,
  type RegisterOptions,
} from '@crowfly/core';
import { seededRandom, settle, VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { roundRobin } from '../../support/round-robin.js';
import { ScriptedRegistrar } from '../../support/scripted-registrar.js';

const INSTANCE: RegisterOptions = { service: 'orders', port: 8080, host: '10.0.0.5' };

class Home {
  readonly clock = new VirtualClock();
  readonly registrar: ScriptedRegistrar;
  readonly engine: Engine;
  readonly seen: string[] = [];
  readonly logged: string[] = [];

  constructor({ states = true, seed = 1 }: { readonly states?: boolean; readonly seed?: number } = {}) {
    this.registrar = new ScriptedRegistrar(this.clock, { states });
    this.engine = createEngine(roundRobin, {
      registry: this.registrar.factory,
      clock: this.clock,
      random: seededRandom(seed),
      env: false,
      logger: { info: (line) => this.logged.push(line), warn: (line) => this.logged.push(`warn: ${line}`) },
    });
    const names: EventName[] = [
      'registered',
      'registration-failed',
      'registration-recovered',
      'deregistered',
    ];
    for (const name of names) this.engine.on(name, () => this.seen.push(name));
  }
}

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('a registration', () => {
  it('stands in the registry at once, is renewed within each third of the TTL, and deregistered once', async () => {
    const { engine, registrar, clock, seen } = new Home();
    const registration = engine.register(INSTANCE);
    expect(registration.state).to.equal('registering');
    await registration.ready();
    expect(registration.state).to.equal('registered');
    await clock.advance(60_000);
    const times = registrar.asked.map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(Math.max(...gaps)).to.be.at.most(5_000);
    expect(Math.min(...gaps)).to.be.at.least(4_000);
    await registration.close();
    expect(registration.state).to.equal('closed');
    await registration.close();
    await clock.advance(60_000);
    expect(registrar.of('deregister')).to.have.length(1);
    expect(registrar.asked.at(-1)?.what).to.equal('deregister');
    expect(registrar.standing.size).to.equal(0);
    expect(seen).to.deep.equal(['registered', 'deregistered']);
    expect(clock.pending).to.equal(0);
  });

  it('is made as soon as a registry that was down is there, and says meanwhile what is wrong', async () => {
    const { engine, registrar, clock, seen, logged } = new Home();
    registrar.mood = 'down';
    const registration = engine.register(INSTANCE);
    const ready = failure(registration.ready({ timeoutMs: 20_000 }));
    await clock.advance(30_000);
    expect(registration.state).to.equal('registering');
    expect(isCrowflyError(registration.error, 'registry-failed')).to.equal(true);
    expect(isCrowflyError(await ready, 'timeout')).to.equal(true);
    expect(String(await ready)).to.contain('nothing listens there');
    const tries = registrar.of('register').length;
    expect(tries).to.be.within(8, 25);
    registrar.mood = 'well';
    await clock.advance(5_000);
    expect(registration.state).to.equal('registered');
    await registration.ready();
    expect(seen).to.deep.equal(['registration-failed', 'registered', 'registration-recovered']);
    expect(logged.filter((line) => line.startsWith('warn'))).to.have.length(1);
    await engine.close();
  });

  it('is made again within one heartbeat when the registry has forgotten it', async () => {
    const { engine, registrar, clock } = new Home();
    await engine.register(INSTANCE).ready();
    registrar.forget();
    await clock.advance(5_000);
    expect(registrar.standing.size).to.equal(1);
    expect(registrar.of('register')).to.have.length(2);
    await engine.close();
  });

  it('is failing, not lost, while the registry is down, and renewed as soon as it is back', async () => {
    const { engine, registrar, clock, seen } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    registrar.mood = 'down';
    await clock.advance(20_000);
    expect(registration.state).to.equal('failing');
    registrar.mood = 'well';
    await clock.advance(5_000);
    expect(registration.state).to.equal('registered');
    expect(registrar.of('register')).to.have.length(1);
    expect(seen).to.deep.equal(['registered', 'registration-failed', 'registration-recovered']);
    await engine.close();
  });

  it('does not hang with a registry that hangs', async () => {
    const { engine, registrar, clock } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    registrar.mood = 'hangs';
    await clock.advance(30_000);
    expect(registration.state).to.equal('failing');
    expect(String(registration.error)).to.contain('did not answer');
    expect(registrar.overlap).to.equal(1);
    const closed = registration.close();
    await clock.advance(5_000);
    await closed;
    expect(clock.pending).to.equal(0);
  });

  it('hears at once that it may not, and is made when the right is given', async () => {
    const { engine, registrar, clock } = new Home();
    registrar.mood = 'denies';
    const registration = engine.register(INSTANCE);
    const refused = await failure(registration.ready());
    expect(isCrowflyError(refused, 'denied')).to.equal(true);
    registrar.mood = 'well';
    await clock.advance(5_000);
    expect(registration.state).to.equal('registered');
    await engine.close();
    expect(registrar.of('deregister')).to.have.length(1);
  });

  it('that never reached the registry is not deregistered', async () => {
    const { engine, registrar, clock } = new Home();
    registrar.mood = 'denies';
    const registration = engine.register(INSTANCE);
    await failure(registration.ready());
    await registration.close();
    await clock.advance(60_000);
    expect(registrar.of('deregister')).to.have.length(0);
  });

  it('whose registering was cut short is deregistered, as it may be there', async () => {
    const { engine, registrar, clock } = new Home();
    registrar.mood = 'lost';
    const registration = engine.register(INSTANCE);
    await settle();
    expect(registrar.standing.size).to.equal(1);
    registrar.mood = 'well';
    await registration.close();
    expect(registrar.standing.size).to.equal(0);
    expect(registrar.of('deregister')).to.have.length(1);
    await clock.advance(60_000);
    expect(registrar.of('register')).to.have.length(1);
  });

  it('closed in the middle of a heartbeat sends one deregistration, and nothing after it', async () => {
    const { engine, registrar, clock } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    registrar.mood = 'lost';
    await clock.advance(5_000);
    expect(registrar.asked.at(-1)?.what).to.equal('renew');
    registrar.mood = 'well';
    await registration.close();
    await clock.advance(60_000);
    expect(registrar.asked.filter(({ what }) => what === 'deregister')).to.have.length(1);
    expect(registrar.asked.at(-1)?.what).to.equal('deregister');
    expect(registrar.overlap).to.equal(1);
  });

  it('gives up deregistering after limits.closeMs, and says so', async () => {
    const { engine, registrar, clock, logged } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    registrar.mood = 'down';
    const closed = registration.close();
    await clock.advance(6_000);
    await closed;
    expect(logged.at(-1)).to.contain('could not be deregistered').and.to.contain('60 s after');
    expect(clock.pending).to.equal(0);
  });

  it('drains: out of rotation, renewed on, and resolved when every client has heard of it', async () => {
    const { engine, registrar, clock } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    let drained = false;
    void registration.drain().then(() => {
      drained = true;
    });
    await settle();
    expect(registration.state).to.equal('draining');
    expect([...registrar.standing.values()][0]?.state).to.equal('draining');
    await clock.advance(1_900);
    expect(drained).to.equal(false);
    await clock.advance(200);
    expect(drained).to.equal(true);
    await clock.advance(20_000);
    expect(registrar.of('renew').at(-1)?.standing?.state).to.equal('draining');
    await registration.close();
    expect(registrar.of('deregister')).to.have.length(1);
  });

  it('drains by leaving, where the registry has no such state', async () => {
    const { engine, registrar, clock } = new Home({ states: false });
    const registration = engine.register(INSTANCE);
    await registration.ready();
    const drained = registration.drain();
    await clock.advance(2_100);
    await drained;
    expect(registrar.of('deregister')).to.have.length(1);
    await clock.advance(60_000);
    await registration.close();
    expect(registrar.of('deregister')).to.have.length(1);
    expect(registrar.asked.at(-1)?.what).to.equal('deregister');
  });

  it('does not wait without end to drain while the registry is down', async () => {
    const { engine, registrar, clock } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    registrar.mood = 'down';
    let drained = false;
    void registration.drain().then(() => {
      drained = true;
    });
    await clock.advance(4_100);
    expect(drained).to.equal(true);
  });

  it('that is leaving is not put back by a registry that has forgotten it', async () => {
    const { engine, registrar, clock } = new Home();
    const registration = engine.register(INSTANCE);
    await registration.ready();
    await clock.advance(100);
    void registration.drain();
    await settle();
    registrar.forget();
    await clock.advance(30_000);
    expect(registrar.of('register')).to.have.length(1);
    await registration.close();
  });

  it('tells what the instance says of its health, and takes silence and errors for critical', async () => {
    const { engine, registrar, clock } = new Home();
    let health: () => unknown = () => 'warning';
    const registration = engine.register({ ...INSTANCE, health: () => health() as 'passing' });
    await registration.ready();
    expect(registrar.asked.at(-1)?.standing?.health).to.equal('warning');
    health = () => new Promise(() => {});
    await clock.advance(7_000);
    expect(registrar.asked.at(-1)?.standing?.health).to.equal('critical');
    health = () => {
      throw new Error('no database');
    };
    await clock.advance(5_000);
    expect(registrar.asked.at(-1)?.standing?.health).to.equal('critical');
    health = () => 'passing';
    await clock.advance(5_000);
    expect(registrar.asked.at(-1)?.standing?.health).to.equal('passing');
    await engine.close();
  });

  it('ends without ending another one', async () => {
    const { engine, registrar, clock } = new Home();
    const one = engine.register({ ...INSTANCE, id: 'one' });
    const two = engine.register({ ...INSTANCE, id: 'two', port: 8081 });
    await Promise.all([one.ready(), two.ready()]);
    await one.close();
    const before = registrar.of('renew').length;
    await clock.advance(20_000);
    expect(registrar.of('renew').length - before).to.be.at.least(4);
    expect([...registrar.standing.keys()]).to.deep.equal(['two']);
    expect(two.state).to.equal('registered');
    await engine.close();
    expect(registrar.standing.size).to.equal(0);
    expect(clock.pending).to.equal(0);
  });

  it('sends one heartbeat, and not many, after the process stood still', async () => {
    const { engine, registrar, clock } = new Home();
    await engine.register(INSTANCE).ready();
    await clock.advance(20_000);
    const before = registrar.of('renew').length;
    clock.advanceSync(600_000);
    await settle();
    expect(registrar.of('renew').length - before).to.equal(1);
    await engine.close();
  });

  it('holds, whatever happens in whatever order', async () => {
    const step = fc.oneof(
      fc.constantFrom('well', 'down', 'hangs', 'denies', 'lost', 'forget', 'drain' as const),
      fc.integer({ min: 1, max: 20_000 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.nat(),
        fc.boolean(),
        async (steps, seed, states) => {
          const { engine, registrar, clock } = new Home({ seed, states });
          const registration = engine.register(INSTANCE);
          let draining = false;
          for (const one of steps) {
            if (typeof one === 'number') await clock.advance(one);
            else if (one === 'forget') registrar.forget();
            else if (one === 'drain') {
              draining = true;
              void registration.drain();
            } else registrar.mood = one;
            await settle();
          }
          registrar.mood = 'well';
          await clock.advance(10_000);
          if (!draining) expect(registration.state).to.equal('registered');
          const closed = registration.close();
          await clock.advance(5_000);
          await closed;
          expect(registrar.standing.size, 'it is gone').to.equal(0);
          expect(registrar.overlap, 'one thing at a time').to.be.at.most(1);
          const after = registrar.asked.length;
          await clock.advance(60_000);
          expect(registrar.asked.length, 'nothing follows').to.equal(after);
          expect(clock.pending, 'no timer is left').to.equal(0);
          await engine.close();
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('register', () => {
  const refused = (
    options: object,
    engine = new Home().engine,
  ): { code: string; path?: string; message: string } => {
    try {
      engine.register(options as RegisterOptions);
    } catch (error) {
      return error as never;
    }
    throw new Error(`it was taken: ${JSON.stringify(options)}`);
  };

  it('refuses at once what can never be, and registers nothing of it', async () => {
    const cases: readonly (readonly [object, string])[] = [
      [{ ...INSTANCE, port: 0 }, 'register.port'],
      [{ ...INSTANCE, port: 70_000 }, 'register.port'],
      [{ service: 'orders', host: '10.0.0.5' }, 'register.port'],
      [{ port: 8080 }, 'register.service'],
      [{ ...INSTANCE, service: '../orders' }, 'register.service'],
      [{ ...INSTANCE, service: 'orders?x' }, 'register.service'],
      [{ ...INSTANCE, host: 'http://10.0.0.5' }, 'register.host'],
      [{ ...INSTANCE, host: '10.0.0.5:8080' }, 'register.host'],
      [{ ...INSTANCE, host: '127.1' }, 'register.host'],
      [{ ...INSTANCE, host: '0.0.0.0' }, 'register.host'],
      [{ ...INSTANCE, host: '[::1]' }, 'register.host'],
      [{ ...INSTANCE, host: 'a b' }, 'register.host'],
      [{ ...INSTANCE, metadata: { a: 1 } }, 'register.metadata.a'],
      [{ ...INSTANCE, metadata: { a: 'x\ny' } }, 'register.metadata.a'],
      [{ ...INSTANCE, metadata: JSON.parse('{"__proto__":"x"}') }, 'register.metadata'],
      [{ ...INSTANCE, tags: ['a\u0000'] }, 'register.tags[0]'],
      [{ ...INSTANCE, tags: ['impossible'] }, 'register.tags[0]'],
      [{ ...INSTANCE, check: { ttlMs: 10 } }, 'register.check.ttlMs'],
      [{ ...INSTANCE, check: { http: 'http://evil/' } }, 'register.check.http'],
      [{ ...INSTANCE, check: { http: '//evil/' } }, 'register.check.http'],
      [{ ...INSTANCE, weight: -1 }, 'register.weight'],
      [{ ...INSTANCE, prot: 'x' }, 'register.prot'],
    ];
    const home = new Home();
    for (const [options, path] of cases) {
      const error = refused(options, home.engine);
      expect([error.code, error.path], JSON.stringify(options)).to.deep.equal([
        path === 'register.service' && 'service' in options ? 'bad-name' : 'bad-option',
        path,
      ]);
    }
    await home.clock.advance(60_000);
    expect(home.registrar.asked).to.have.length(0);
  });

  it('refuses a second registration with the same id, until the first is closed', async () => {
    const { engine } = new Home();
    const first = engine.register({ ...INSTANCE, id: 'one' });
    expect(refused({ ...INSTANCE, id: 'one', port: 1 }, engine).path).to.equal('register.id');
    await first.close();
    engine.register({ ...INSTANCE, id: 'one' });
    await engine.close();
    expect(refused(INSTANCE, engine).code).to.equal('closed');
  });

  it('makes an id of its own for each', async () => {
    const { engine } = new Home();
    const [one, two] = [engine.register(INSTANCE), engine.register(INSTANCE)];
    expect(one.instance.id).to.match(/^orders-10\.0\.0\.5-8080-[a-z0-9]{8}$/);
    expect(one.instance.id).not.to.equal(two.instance.id);
    await engine.close();
  });

  it('says which registries take registrations', () => {
    const engine = createEngine(roundRobin, {
      registry: () => ({
        kind: 'file',
        id: 'file:x',
        supports: { unknown: true },
        locate: () => ({ key: 'orders' }),
        watch: async () => {},
      }),
      env: false,
    });
    expect(refused(INSTANCE, engine).message).to.contain('file:x takes no registrations');
    const none = createEngine(roundRobin, { env: false });
    expect(refused(INSTANCE, none).path).to.equal('register.registry');
  });
});

describe('health()', () => {
  it('is up with what is wanted there, degraded without a registration, down before a set is there', async () => {
    const { engine, registrar, clock } = new Home();
    expect(engine.health()).to.deep.equal({ status: 'up', services: [], registrations: [] });
    registrar.mood = 'down';
    engine.register({ ...INSTANCE, id: 'one' });
    await clock.advance(100);
    expect(engine.health().status).to.equal('degraded');
    expect(engine.health().registrations).to.deep.equal([
      { service: 'orders', registry: 'scripted:1', id: 'one', state: 'registering' },
    ]);
    registrar.mood = 'well';
    await clock.advance(5_000);
    expect(engine.health().status).to.equal('up');
    engine.watch('payments', () => {});
    expect(engine.health().status).to.equal('down');
    await engine.close();
    expect(engine.health().status).to.equal('down');
  });
});
