import type { Endpoint } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, instance, instances } from '../support/instances.js';
import { size } from '../support/long.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World, type WorldOptions } from '../support/world.js';

const believing = { guard: { maxLossShare: 1 } } as const;
const HERE = { zone: 'eu-1a', node: 'n1' };

const inZones = (id: string, ...zones: readonly string[]): Endpoint => instance(id, { hints: { zones } });

async function serving(endpoints: readonly Endpoint[], options: WorldOptions = {}): Promise<World> {
  const world = new World({ self: { zone: 'eu-1a' }, defaults: believing, ...options });
  await world.serve(endpoints);
  return world;
}

/** The rule, word for word: over the ready endpoints, all or nothing, node before zone. */
function preferred(set: readonly Endpoint[], self: { zone?: string; node?: string }): readonly Endpoint[] {
  const ready = set.filter(({ state }) => state !== 'draining');
  for (const [kind, ours] of [
    ['nodes', self.node],
    ['zones', self.zone],
  ] as const) {
    if (ours === undefined) continue;
    const every = ready.every(({ hints }) => (hints?.[kind] ?? []).length > 0);
    const mine = ready.filter(({ hints }) => hints?.[kind]?.includes(ours));
    if (every && mine.length > 0) return mine;
  }
  return ready;
}

describe('topology hints', () => {
  afterEach(closeWorlds);

  it('send calls to the instances that are meant for our zone', async () => {
    const world = await serving([
      inZones('a', 'eu-1a'),
      inZones('b', 'eu-1b'),
      inZones('ab', 'eu-1b', 'eu-1a'),
    ]);
    expect(world.eligible).to.deep.equal(['a', 'ab']);
    const transport = fakeTransport(answering());
    for (let n = 0; n < 20; n++) await world.called(transport);
    expect([...new Set(transport.ids)].sort()).to.deep.equal(['a', 'ab']);
  });

  it('prefer our node to our zone, and fall back to the zone when no instance is meant for our node', async () => {
    const hints = (node: string, zone: string) => ({ hints: { nodes: [node], zones: [zone] } });
    const set = [
      instance('here', hints('n1', 'eu-1a')),
      instance('near', hints('n2', 'eu-1a')),
      instance('far', hints('n3', 'eu-1b')),
    ];
    const world = await serving(set, { self: HERE });
    expect(world.eligible).to.deep.equal(['here']);
    world.registry.last().publish(set.slice(1));
    expect(world.eligible).to.deep.equal(['near']);
  });

  it('mean nothing while one ready instance has none, or none is meant for us', async () => {
    const all = [inZones('a', 'eu-1a'), inZones('b', 'eu-1b')];
    const world = await serving([...all, instance('c')]);
    expect(world.eligible).to.deep.equal(['a', 'b', 'c']);
    world.registry.last().publish([...all, { ...instance('c'), state: 'draining' }]);
    expect(world.eligible, 'a draining one does not count').to.deep.equal(['a']);
    world.registry.last().publish([inZones('b', 'eu-1b'), inZones('c', 'eu-1c')]);
    expect(world.eligible).to.deep.equal(['b', 'c']);
    world.registry.last().publish([inZones('a', 'eu-1a'), instance('b', { hints: { zones: [] } })]);
    expect(world.eligible, 'an empty hint is none').to.deep.equal(['a', 'b']);
  });

  it('are nothing but a preference: the others are used when none of ours is left, and until one is back', async () => {
    const world = await serving([inZones('a', 'eu-1a'), inZones('b', 'eu-1b'), inZones('c', 'eu-1b')]);
    const transport = fakeTransport((one) => (one.id === 'a' ? one.fail('not-sent') : one.answer()));
    const call = await world.called(transport);
    expect(call.state).to.equal('answered');
    expect(world.eligible).to.deep.equal(['b', 'c']);
    await world.clock.advance(500);
    await world.called(fakeTransport(answering()));
    expect(world.eligible).to.deep.equal(['a']);
  });

  it('let a retry go elsewhere when all of ours were tried, rather than to one that failed', async () => {
    for (const how of ['no-answer', 503] as const) {
      const world = await serving([inZones('a', 'eu-1a'), inZones('b', 'eu-1b')], {
        defaults: { ...believing, ejection: { resets: 0, gatewayErrors: 0, serverErrors: 0 } },
      });
      const transport = fakeTransport((one) =>
        one.id === 'b' ? one.answer() : how === 503 ? one.answer(503) : one.fail(how),
      );
      for (let n = 0; n < 5; n++) {
        expect((await world.called(transport)).value, 'at once').to.equal('200 of b');
      }
      expect(transport.ids.filter((id) => id === 'a')).to.have.length(5);
      expect(world.events('mispick')).to.deep.equal([]);
      await world.close();
    }
  });

  it('come after priorities, and a retry does not leave its priority for them', async () => {
    const world = await serving(
      [
        instance('a', { priority: 1, hints: { zones: ['eu-1a'] } }),
        instance('b', { priority: 0, hints: { zones: ['eu-1b'] } }),
      ],
      { defaults: { ...believing, ejection: { resets: 0 } } },
    );
    expect(world.eligible).to.deep.equal(['b']);
    const transport = fakeTransport((one) => one.fail('no-answer'));
    const call = world.call(transport);
    await world.clock.advance(1_000);
    expect(call.state).to.equal('failed');
    expect(transport.ids).to.deep.equal(['b', 'b', 'b']);
  });

  it('that change are one word to the balancer, also when they change the place of all', async () => {
    const set = [inZones('a', 'eu-1a'), inZones('b', 'eu-1b'), inZones('c', 'eu-1c')];
    const world = await serving(set);
    const { updates } = world.recorded.balancers[0]!;
    updates.length = 0;
    world.registry.last().publish([...set, instance('d')]);
    expect([updates.splice(0), world.eligible]).to.deep.equal([['members'], ['a', 'b', 'c', 'd']]);
    world.registry.last().publish([...set, instance('d', { state: 'draining' })]);
    expect([updates.splice(0), world.eligible]).to.deep.equal([['eligibility'], ['a']]);
    world.registry.last().publish([...set, instance('d')]);
    expect([updates.splice(0), world.eligible]).to.deep.equal([['eligibility'], ['a', 'b', 'c', 'd']]);
    expect(world.events('snapshot').map(({ changed }) => changed)).to.deep.equal([0, 0, 1, 1]);
  });

  it('hold through a set that is not believed', async () => {
    const world = await serving([inZones('a', 'eu-1a'), inZones('b', 'eu-1b')], { defaults: {} });
    world.registry.last().publish([]);
    expect(world.eligible).to.deep.equal(['a']);
    await world.clock.advance(30_000);
    expect(world.pool.members).to.deep.equal([]);
  });

  it('are forgotten of an instance that comes back', async () => {
    const b = inZones('b', 'eu-1b');
    const world = await serving([inZones('a', 'eu-1a'), b]);
    world.registry.last().publish([inZones('a', 'eu-1a')]);
    world.registry.last().publish([inZones('a', 'eu-1a'), instance('c')]);
    world.registry.last().publish([instance('c'), b]);
    expect(world.eligible).to.deep.equal(['b', 'c']);
  });

  it('can be ignored, for all or for one service', async () => {
    const set = [inZones('a', 'eu-1a'), inZones('b', 'eu-1b')];
    for (const options of [
      { defaults: { ...believing, topology: 'ignore' } },
      { services: { orders: { topology: 'ignore' } } },
    ] as const) {
      const world = await serving(set, options);
      expect(world.eligible).to.deep.equal(['a', 'b']);
      expect(String(await world.engine.explain('orders'))).not.to.include('topology');
    }
  });

  it('follow the environment where the options are silent, field by field', async () => {
    const env = { CROWFLY_SELF_ZONE: 'eu-1b', CROWFLY_SELF_NODE: 'n7', CROWFLY_SELF_SERVICE: 'web' };
    const set = [inZones('a', 'eu-1a'), inZones('b', 'eu-1b')];
    const told = await serving(set, { env, self: {} });
    expect(told.eligible).to.deep.equal(['b']);
    expect(told.registry.context?.self).to.deep.equal({ service: 'web', zone: 'eu-1b', node: 'n7' });
    const said = await serving(set, { env, self: { zone: 'eu-1a' } });
    expect(said.eligible).to.deep.equal(['a']);
    expect(said.registry.context?.self).to.deep.equal({ service: 'web', zone: 'eu-1a', node: 'n7' });
    const blank = await serving(set, { env: { CROWFLY_SELF_ZONE: '' }, self: {} });
    expect(blank.registry.context?.self).to.deep.equal({});
    expect((await serving(set, { env: false, self: {} })).registry.context?.self).to.deep.equal({});
  });

  it('never make a service out of the variables for self', async () => {
    const world = new World({ env: { CROWFLY_SELF_ZONE: 'eu-1a' } });
    await world.serve([inZones('x', 'eu-1b')], 'self-zone');
    expect(idsOf(await world.engine.instances('self-zone'))).to.deep.equal(['x']);
  });

  it('that cannot be followed are a problem, told once, with the fix', async () => {
    const set = [inZones('a', 'eu-1a'), inZones('b', 'eu-1b')];
    const world = await serving(set, { self: {} });
    for (let n = 0; n < 5; n++) world.registry.last().publish([...set, inZones(`x${n}`, 'eu-1c')]);
    await settle();
    const problems = world.events('problem');
    expect(problems.map(({ code, service }) => [code, service])).to.deep.equal([['no-topology', 'orders']]);
    expect(problems[0]?.detail).to.match(/self: \{ zone \}.*CROWFLY_SELF_ZONE.*topology: 'ignore'/);
    expect(world.eligible).to.have.length(3);
    expect((await world.engine.explain('orders')).summary).to.include('nothing says where this process runs');
    const mixed = await serving([...set, instance('c')], { self: {} });
    const empty = await serving([], { self: {} });
    const known = await serving(set, { self: { node: 'n1' } });
    for (const quiet of [mixed, empty, known]) expect(quiet.events('problem')).to.deep.equal([]);
  });

  it('are explained: who is kept aside, for whom, and why one that is far is picked', async () => {
    const world = await serving([
      inZones('a', 'eu-1a'),
      inZones('b', 'eu-1b'),
      inZones('many', 'z1', 'z2', 'z3', 'z4', 'z5'),
      instance('later', { priority: 1, hints: { zones: ['eu-1b'] } }),
    ]);
    const explanation = await world.engine.explain('orders');
    expect(explanation.summary).to.equal(
      'scripted:test lists 4; 1 can be picked; those meant for zone eu-1a come first (topology hints)',
    );
    expect(explanation.instances.map(({ state, why }) => `${state}: ${why}`)).to.deep.equal([
      'eligible: can be picked',
      'standby: meant for zone eu-1b (topology hint): only while no instance meant for eu-1a is left',
      'standby: meant for zone z1, z2, z3 and 2 more (topology hint): only while no instance meant for eu-1a is left',
      'standby: priority 1: only while no instance of a lower number is left',
    ]);
    world.probe = async () => 'refuses';
    await world.called(fakeTransport((one) => (one.id === 'a' ? one.fail('not-sent') : one.answer())));
    const [, b] = (await world.engine.explain('orders')).instances;
    expect(b).to.include({
      state: 'eligible',
      why: 'meant for zone eu-1b (topology hint), and no other is left',
    });
  });

  it('choose whom the rule says, after any sequence of sets', async () => {
    const names = fc.subarray(['eu-1a', 'eu-1b', 'n1', 'n2']);
    const endpoint = fc.record({
      id: fc.integer({ min: 0, max: 7 }).map((n) => `i${n}`),
      hints: fc.option(fc.record({ zones: names, nodes: names }, { requiredKeys: [] }), {
        freq: 6,
        nil: undefined,
      }),
      draining: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    });
    const sets = fc.array(fc.uniqueArray(endpoint, { selector: ({ id }) => id, maxLength: 6 }), {
      minLength: 1,
      maxLength: 8,
    });
    const self = fc.constantFrom({}, { zone: 'eu-1a' }, { node: 'n1' }, HERE);
    await fc.assert(
      fc.asyncProperty(sets, self, async (script, here) => {
        const world = new World({ self: here, logger: false, defaults: believing });
        await world.serve([]);
        const { updates } = world.recorded.balancers[0]!;
        for (const step of script) {
          const set = step.map(({ id, hints, draining }) =>
            instance(id, {
              ...(hints === undefined ? {} : { hints }),
              ...(draining ? { state: 'draining' as const } : {}),
            }),
          );
          updates.length = 0;
          world.registry.last().publish(set);
          expect(updates.length).to.be.at.most(1);
          if (set.some(({ state }) => state !== 'draining'))
            expect(world.eligible).to.deep.equal(idsOf(preferred(set, here)));
        }
        await world.close();
      }),
      { numRuns: size(300, 5_000) },
    );
  }).timeout(size(30_000, 300_000));
});

describe('hints of nobody', () => {
  afterEach(closeWorlds);

  it('change nothing', async () => {
    const world = await serving(instances('a', 'b'));
    expect(world.eligible).to.deep.equal(['a', 'b']);
  });
});
