import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import { instance, instances, many } from '../support/instances.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

describe('explain()', () => {
  afterEach(closeWorlds);

  /** The explanation, with as much time as it takes. */
  async function explained(world: World, name = 'orders') {
    const explaining = world.engine.explain(name);
    await settle();
    await world.clock.advance(0);
    return explaining;
  }

  const failAt = (id: string, how: 'not-sent' | 'no-answer' | 503) =>
    fakeTransport((one) => (one.id !== id ? one.answer() : how === 503 ? one.answer(503) : one.fail(how)));

  it('says of each instance its state, why, and its share, as data and as a text with one line for each', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 0.2 } } });
    await world.serve([
      ...instances('good', 'refuses'),
      { ...instance('backup'), priority: 1 },
      { ...instance('aside'), weight: 0 },
      { ...instance('leaving'), state: 'draining' },
    ]);
    world.probe = async () => 'refuses';
    const transport = failAt('refuses', 'not-sent');
    for (let n = 0; n < 9; n++) await world.called(transport);
    const explanation = await explained(world);
    expect(explanation).to.include({
      service: 'orders',
      registry: 'scripted:test',
      strategy: 'round robin',
      status: 'ready',
    });
    expect(explanation.summary).to.equal('scripted:test lists 5; 1 can be picked');
    const states = explanation.instances.map(({ endpoint, state }) => [endpoint.id, state]);
    expect(states).to.deep.equal([
      ['good', 'eligible'],
      ['refuses', 'ejected'],
      ['backup', 'standby'],
      ['aside', 'standby'],
      ['leaving', 'draining'],
    ]);
    const why = Object.fromEntries(explanation.instances.map((one) => [one.endpoint.id, one.why]));
    expect(why.good).to.equal('can be picked');
    expect(why.refuses).to.match(/ejected 0\.0 s ago: it cannot be connected to; asked again in 0\.\d s/);
    expect(why.backup).to.include('priority 1');
    expect(why.aside).to.include('weight 0');
    expect(why.leaving).to.include('draining');
    const [good, refuses] = explanation.instances;
    expect(good?.picks).to.equal(9);
    expect(refuses?.picks).to.equal(1);
    expect(good?.share).to.equal(0.9);
    expect(good?.latencyMs).to.equal(0);
    expect(refuses?.latencyMs).to.equal(undefined);
    const text = String(explanation);
    expect(text.split('\n')).to.have.length(6);
    expect(text).to.match(/^orders \(round robin\): scripted:test lists 5/);
    for (const { endpoint, state } of explanation.instances) {
      expect(text).to.match(new RegExp(`${endpoint.id} \\(10\\..*\\) +${state} +\\d+\\.\\d % +`));
    }
    JSON.stringify(explanation);
  });

  it('says what happens next to an ejected instance in each of its phases', async () => {
    const world = new World();
    await world.serve(instances('a', 'b'));
    for (let n = 0; n < 4; n++) await world.called(failAt('a', 'no-answer'));
    const why = async (): Promise<string> => (await explained(world)).instances[0]?.why ?? '';
    expect(await why()).to.match(/connections ended before an answer; asked again in/);
    await world.clock.advance(500);
    expect(await why()).to.match(/ejected 0\.5 s ago.*the next suitable call goes to it/);
    const transport = fakeTransport();
    await world.called(transport);
    expect(await why()).to.match(/a call is finding out/);
    transport.tries[0]?.answer();
    await settle();
    expect(await why()).to.equal('can be picked');
  });

  it('says when the rules are bent: panic, last resort, draining or set aside with nothing else left', async () => {
    const world = new World();
    world.probe = async () => 'refuses';
    await world.serve(many(4));
    const transport = fakeTransport((one) => (one.id === 'i0' ? one.answer(503) : one.fail('not-sent')));
    for (let n = 0; n < 12; n++) await world.called(transport, { attempts: 1 });
    const panic = await explained(world);
    expect(panic.summary).to.include('PANIC');
    expect(panic.instances[0]?.why).to.match(/status 502, 503 or 504.*picked all the same \(panic\)/);

    const last = new World();
    last.probe = async () => 'refuses';
    await last.serve(instances('a'));
    await last.called(
      fakeTransport((one) => one.fail('not-sent')),
      { attempts: 1 },
    );
    const resort = await explained(last);
    expect(resort.summary).to.include('LAST RESORT');
    expect(resort.instances[0]?.why).to.include('(last-resort)');

    const leaving = new World();
    await leaving.serve([{ ...instance('a'), state: 'draining' }]);
    expect((await explained(leaving)).instances[0]).to.include({
      state: 'draining',
      why: 'draining, and nothing else is left',
    });

    const guarded = new World();
    await guarded.serve(instances('a', 'b'));
    guarded.registry.last().publish([]);
    await guarded.clock.advance(10_000);
    expect((await explained(guarded)).instances[0]?.why).to.equal(
      'can be picked; vanished from the registry, kept for 20.0 s more',
    );
  });

  it('never throws: it says what is wrong with a service in trouble', async () => {
    const world = new World();
    const pending = world.engine.explain('orders');
    await world.clock.advance(5_000);
    expect(await pending).to.include({
      status: 'pending',
      summary: 'scripted:test has not delivered a set yet',
    });
    world.registry.last().fail(new Error('403 Forbidden'));
    await settle();
    const failing = world.engine.explain('orders');
    await world.clock.advance(5_000);
    expect((await failing).status).to.equal('failed');
    expect((await failing).summary).to.include('403 Forbidden');
    world.registry.last().unknown('not in dc1');
    expect((await explained(world)).summary).to.match(/no.* service.*: not in dc1/);

    const stale = new World();
    await stale.serve(instances('a'));
    stale.registry.last().fail(new Error('connection refused'));
    await stale.clock.advance(90_000);
    const explanation = await explained(stale);
    expect(explanation.status).to.equal('stale');
    expect(explanation.summary).to.match(
      /failing for 90\.0 s \(connection refused\); its last good set stays in use/,
    );
    expect(explanation.instances).to.have.length(1);

    for (const name of ['../x', 'localhost', '', null]) {
      const bad = await explained(world, name as string);
      expect(bad.status).to.equal('unknown');
      expect(bad.instances).to.deep.equal([]);
      expect(`${bad}`).to.match(/service name/);
    }
  });

  it('says what the registry reports about its data as a whole, beside the entries that were skipped', async () => {
    const world = new World();
    world.engine.watch('orders', () => {});
    await settle();
    const { feed } = world.registry.last();
    feed.report({ code: 'truncated', detail: 'the list was cut at 1000 addresses\u0007' });
    feed.publish([instance('a'), { ...instance('b'), port: 0 }]);
    const { summary } = await explained(world);
    expect(summary).to.match(
      /^scripted:test lists 1; 1 can be picked; 1 entry skipped: endpoint 1 .*; the list was cut at 1000 addresses\\u0007$/,
    );
    world.registry.last().fail(new Error('down'));
    await settle();
    expect((await explained(world)).summary).to.match(/stays in use; 1 entry skipped.*; the list was cut/);

    const empty = new World();
    empty.registry.onWatch = (watch) => {
      for (let n = 0; n < 5; n++) watch.feed.report({ code: 'truncated', detail: `cut ${n}` });
      watch.publish([]);
    };
    const call = await empty.called(fakeTransport(answering()));
    expect((call.error as Error).message).to.match(
      /lists none at the moment: cut 0; cut 1; cut 2; 2 more problems$/,
    );
  });

  it('names the other ports of a service that are in use, so that nobody looks at the wrong set', async () => {
    const world = new World({
      registry: {
        locate(target) {
          const name = typeof target === 'string' ? target : target.host;
          const [key = '', port] = name.split(':');
          const asked = typeof target === 'string' ? port : target.port;
          return asked === undefined ? { key } : { key, port: asked };
        },
      },
    });
    world.registry.onWatch = (watch) => watch.publish(instances('a'));
    const alone = await explained(world, 'orders.shop');
    expect(alone.otherPorts).to.deep.equal([]);
    expect(String(alone).split('\n')).to.have.length(2);
    await world.called(fakeTransport(answering()), {}, 'https://orders.shop:8443/');
    world.engine.watch('orders.shop:http', () => {});
    world.engine.watch('users.shop:http', () => {});
    const explanation = await explained(world, 'orders.shop');
    expect(explanation.otherPorts).to.deep.equal(['orders.shop:8443', 'orders.shop:http']);
    expect(String(explanation).split('\n').at(-1)).to.equal(
      'in use beside it, each with a set of its own: orders.shop:8443, orders.shop:http',
    );
    expect((await explained(world, 'orders.shop:http')).otherPorts).to.deep.equal([
      'orders.shop',
      'orders.shop:8443',
    ]);
  });

  it('shows the names of instances without their control over the terminal', async () => {
    const world = new World();
    await world.serve([{ ...instance('a'), id: 'x'.repeat(400) }]);
    for (const line of String(await explained(world)).split('\n')) {
      expect(line.length).to.be.at.most(300);
      expect(line).not.to.match(/\p{Cc}/u);
    }
  });

  it('stays quick for 10,000 instances', async () => {
    const world = new World();
    await world.serve(many(10_000));
    await world.called(fakeTransport(answering()));
    const { pool } = world;
    let reads = 0;
    const eligible = new Proxy(pool.eligible as unknown[], {
      get(target, key, receiver) {
        if (key === 'includes') reads++;
        return Reflect.get(target, key, receiver);
      },
    });
    (pool as { eligible: unknown }).eligible = eligible;
    expect((await explained(world)).instances).to.have.length(10_000);
    expect(reads, 'scans of all eligible instances').to.equal(0);
  });
});
