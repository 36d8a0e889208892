import type { Balancer, Endpoint, Member, Pool, Strategy } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, instance, instances, many } from '../support/instances.js';
import { answering, type FakeTransport, fakeTransport } from '../support/transport.js';
import { closeWorlds, World } from '../support/world.js';

/** A strategy that answers what a test tells it to. */
function told(pick: (pool: Pool, members: readonly Member[]) => Member | undefined): Strategy {
  return () => {
    let pool: Pool | undefined;
    const everSeen: Member[] = [];
    const balancer: Balancer = {
      update(next) {
        pool = next;
        for (const member of next.members) if (!everSeen.includes(member)) everSeen.push(member);
      },
      pick: () => (pool === undefined ? undefined : pick(pool, everSeen)),
    };
    return balancer;
  };
}

async function serving(strategy: Strategy, endpoints: readonly Endpoint[]): Promise<World> {
  const world = new World({ defaults: { strategy, guard: { maxLossShare: 1 } } });
  await world.serve(endpoints);
  return world;
}

async function calls(world: World, transport: FakeTransport, count: number, url?: string): Promise<void> {
  for (let n = 0; n < count; n++) await world.called(transport, {}, url);
}

describe('a pool', () => {
  afterEach(closeWorlds);

  it('replaces what a strategy may not pick, counts it, and warns once', async () => {
    const foreign = {
      endpoint: instance('foreign'),
      weight: 1,
      inFlight: 0,
      measured: false,
      latencyMs: () => 0,
    };
    const wrongs: Record<string, Strategy> = {
      foreign: told(() => foreign),
      gone: told((_, seen) => seen.find(({ endpoint }) => endpoint.id === 'old')),
      ejected: told((pool) => pool.members.find((member) => !pool.isEligible(member))),
    };
    for (const [name, strategy] of Object.entries(wrongs)) {
      const world = await serving(strategy, instances('old', 'a', 'b', 'c'));
      world.probe = async () => 'refuses';
      world.registry.last().publish(instances('a', 'b', 'c'));
      const refused = await world.engine.acquire('orders');
      refused.done({ kind: 'not-sent', error: new Error('refused') });
      const dead = refused.endpoint.id;
      const before = world.events('mispick').length;
      const transport = fakeTransport(answering());
      await calls(world, transport, 50);
      expect(world.events('mispick').length - before, name).to.equal(50);
      const left = idsOf(instances('a', 'b', 'c')).filter((id) => id !== dead);
      expect([...new Set(transport.ids)].sort(), name).to.deep.equal(left);
      expect(
        world.logged.filter((line) => line.includes('its strategy')),
        name,
      ).to.have.length(1);
      await world.close();
    }
  });

  it('chooses at random for a strategy that has no opinion, and counts nothing', async () => {
    const world = await serving(
      told(() => undefined),
      instances('a', 'b', 'c'),
    );
    const transport = fakeTransport(answering());
    await calls(world, transport, 300);
    for (const id of ['a', 'b', 'c']) {
      expect(transport.ids.filter((one) => one === id).length).to.be.within(60, 140);
    }
    expect(world.events('mispick')).to.deep.equal([]);
  });

  it('never sends a retry to a tried instance while another is left, whatever the strategy answers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 30 }),
        fc.constantFrom('no-answer' as const, 'timed-out' as const, 'answers 503' as const),
        async (count, attempts, picks, how) => {
          let turn = 0;
          const strategy = told(
            (pool) => pool.members[(picks[turn++ % picks.length] ?? 0) % pool.members.length],
          );
          const never = { resets: 0, timeouts: 0, gatewayErrors: 0, serverErrors: 0 };
          const world = new World({ defaults: { strategy, ejection: never } });
          await world.serve(many(count));
          const transport = fakeTransport((one) => (how === 'answers 503' ? one.answer(503) : one.fail(how)));
          const call = world.call(transport, { attempts });
          await world.clock.advance(10_000);
          expect(call.state).not.to.equal('running');
          const expected = how === 'answers 503' ? Math.min(attempts, count) : attempts;
          expect(transport.ids).to.have.length(expected);
          const fresh = transport.ids.slice(0, count);
          expect(new Set(fresh).size, 'distinct instances').to.equal(fresh.length);
          await world.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('uses ready instances of the lowest priority, then later ones, then those of weight 0, then draining ones', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    const tiers: Endpoint[][] = [
      [instance('p0')],
      [{ ...instance('p1'), priority: 1 }],
      [{ ...instance('p7'), priority: 7 }],
      [{ ...instance('aside'), weight: 0 }],
      [{ ...instance('aside1'), weight: 0, priority: 1 }],
      [{ ...instance('draining'), state: 'draining' }],
      [{ ...instance('draining1'), state: 'draining', priority: 1 }],
    ];
    await world.serve(tiers.flat());
    for (let left = 0; left < tiers.length; left++) {
      world.registry.last().publish(tiers.slice(left).flat());
      expect(world.eligible).to.deep.equal(idsOf(tiers[left] ?? []));
    }
  });

  it('falls back to the next tier when all of one are ejected, and returns with the first that is back', async () => {
    const world = new World();
    await world.serve([
      ...instances('a', 'b'),
      { ...instance('c'), priority: 1 },
      { ...instance('d'), weight: 0 },
    ]);
    const dead = fakeTransport((one) => ('ab'.includes(one.id) ? one.fail('not-sent') : one.answer()));
    const call = await world.called(dead);
    expect(call.value).to.equal('200 of c');
    expect(world.eligible).to.deep.equal(['c']);
    await world.clock.advance(500);
    await calls(world, fakeTransport(answering()), 1);
    expect(world.eligible).to.have.length(1);
    expect(['a', 'b']).to.include(world.eligible[0]);
  });

  it('gives weight 0 the share of 1 when nothing else is left', async () => {
    const world = new World();
    await world.serve([
      { ...instance('a'), weight: 0 },
      { ...instance('b'), weight: 0 },
    ]);
    expect(world.pool.eligible.map(({ weight }) => weight)).to.deep.equal([1, 1]);
  });

  it('keeps the members as live arrays, with the eligible ones dense and marked', async () => {
    const world = new World();
    await world.serve(many(50));
    world.probe = async () => 'refuses';
    const { pool } = world;
    const transport = fakeTransport((one) =>
      Number(one.id.slice(1)) % 3 === 0 ? one.fail('not-sent') : one.answer(),
    );
    await calls(world, transport, 200);
    expect(pool.members).to.have.length(50);
    expect(pool.eligible).to.have.length(33);
    for (const member of pool.members) {
      expect(pool.isEligible(member)).to.equal(pool.eligible.includes(member));
      expect(pool.isEligible(member)).to.equal(Number(member.endpoint.id.slice(1)) % 3 !== 0);
    }
  });

  it('tells the balancer once of each ejection and each return', async () => {
    const world = new World();
    await world.serve(many(10));
    const { updates } = world.recorded.balancers[0]!;
    const before = updates.length;
    const transport = fakeTransport((one) => (one.id === 'i3' ? one.fail('not-sent') : one.answer()));
    await calls(world, transport, 10);
    expect(updates.slice(before)).to.deep.equal(['eligibility']);
    await world.clock.advance(500);
    await calls(world, fakeTransport(answering()), 1);
    expect(updates.slice(before)).to.deep.equal(['eligibility', 'eligibility']);
  });
});

describe('an https URL', () => {
  afterEach(closeWorlds);

  const mixed = [
    { ...instance('plain'), protocol: 'http' as const },
    { ...instance('h2c'), protocol: 'h2c' as const },
    { ...instance('tls'), protocol: 'https' as const },
    instance('unsaid'),
  ];

  it('never reaches an instance that speaks plain text, on the first try or another one', async () => {
    const world = new World();
    await world.serve(mixed);
    const transport = fakeTransport((one) => one.fail('no-answer'));
    const secure = world.call(transport, { attempts: 10 }, 'https://orders/');
    await world.clock.advance(5_000);
    expect(secure.state).to.equal('failed');
    expect([...new Set(transport.ids)].sort()).to.deep.equal(['tls', 'unsaid']);
    const plain = fakeTransport(answering());
    await calls(world, plain, 40);
    expect([...new Set(plain.ids)].sort()).to.deep.equal(['plain', 'tls', 'unsaid']);
  });

  it('says what to do when all instances speak plain http', async () => {
    const world = new World();
    await world.serve(mixed.slice(0, 2));
    const call = await world.called(fakeTransport(answering()), {}, 'https://orders/');
    expect(call.error).to.include({ code: 'no-instances', service: 'orders', registry: 'scripted:test' });
    expect(String(call.error)).to.match(/speaks no https.*write http/);
  });

  it('and any other one leave h2c alone, which no client speaks yet, and explain says so', async () => {
    const world = new World();
    await world.serve(mixed.slice(1, 2));
    const call = await world.called(fakeTransport(answering()));
    expect(String(call.error)).to.match(/speaks h2c.*let them speak http/);
    const { instances } = await world.engine.explain('orders');
    expect(instances[0]).to.include({ state: 'unsuitable', why: 'speaks h2c, which no client does yet' });
  });

  it('follows changes, ejections and counts of the same members', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(mixed);
    const plainUpdates = world.recorded.balancers[0]!.updates;
    const before = plainUpdates.length;
    const transport = fakeTransport();
    await world.called(transport, {}, 'https://orders/');
    expect(plainUpdates.length, 'nothing changed for the plain pool').to.equal(before);
    const [plainPool, tlsPool] = world.recorded.balancers.map(({ pool }) => pool);
    expect([plainPool?.inFlight, tlsPool?.inFlight]).to.deep.equal([1, 1]);
    world.registry.last().publish([...mixed, instance('new')]);
    expect(idsOf(tlsPool!.eligible.map(({ endpoint }) => endpoint))).to.deep.equal(['new', 'tls', 'unsaid']);
    expect(tlsPool?.members.every((member) => plainPool?.members.includes(member))).to.equal(true);
    const first = transport.tries[0]!;
    first.fail('not-sent');
    await settle();
    for (const pool of [plainPool, tlsPool]) {
      expect(pool?.eligible.some(({ endpoint }) => endpoint.id === first.id)).to.equal(false);
    }
    transport.tries[1]?.answer();
    await settle();
    expect([plainPool?.inFlight, tlsPool?.inFlight]).to.deep.equal([0, 0]);
  });

  it('panics by its own instances', async () => {
    const world = new World();
    world.probe = async () => 'refuses';
    await world.serve([
      ...many(8, { protocol: 'http' }),
      { ...instance('x'), protocol: 'https' },
      { ...instance('y'), protocol: 'https' },
    ]);
    await world.called(fakeTransport(answering()), {}, 'https://orders/');
    const [plain, tls] = world.recorded.balancers;
    const transport = fakeTransport((one) => one.answer(503));
    for (let n = 0; n < 20; n++) await world.called(transport, { attempts: 1 }, 'https://orders/');
    expect(world.events('ejected')).to.have.length(1);
    expect(plain?.pool.eligible).to.have.length(9);
    expect(tls?.pool.eligible).to.have.length(1);
  });
});
