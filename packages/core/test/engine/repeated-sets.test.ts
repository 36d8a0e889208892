import type { Endpoint } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, instance, instances, many } from '../support/instances.js';
import { size } from '../support/long.js';
import { closeWorlds, World } from '../support/world.js';

type Loose = { -readonly [K in keyof Endpoint]: Endpoint[K] };
type Edit = readonly [
  kind:
    | 'add'
    | 'add a frozen one'
    | 'remove'
    | 'replace'
    | 'mutate'
    | 'mutate metadata'
    | 'freeze'
    | 'freeze half'
    | 'swap'
    | 'repeat'
    | 'spoil'
    | 'reverse'
    | 'another address'
    | 'empty',
  pick: number,
];

const frozen = (endpoint: Loose): Loose => {
  if (endpoint.metadata !== undefined) Object.freeze(endpoint.metadata);
  return Object.freeze(endpoint);
};

/** What an adapter may do to the list that it publishes again and again, well-behaved or not. */
function edit(list: Loose[], [kind, pick]: Edit): void {
  const at = pick % Math.max(1, list.length);
  const there = list[at];
  const fresh: Loose = { ...instance(`n${pick % 40}`), metadata: { version: `${pick % 3}` } };
  const facts = [{ weight: pick % 4 }, { zone: `z${pick % 2}` }, { state: 'draining' as const }][pick % 3];
  switch (kind) {
    case 'add':
      list.splice(at, 0, fresh);
      break;
    case 'add a frozen one':
      list.splice(at, 0, frozen(fresh));
      break;
    case 'empty':
      if (pick % 4 === 0) list.length = 0;
      break;
    case 'reverse':
      list.reverse();
      break;
  }
  if (there === undefined || typeof there !== 'object') return;
  switch (kind) {
    case 'remove':
      list.splice(at, 1 + (pick % 3));
      break;
    case 'replace':
      list[at] = frozen({ ...there, ...facts });
      break;
    case 'mutate':
      if (!Object.isFrozen(there)) Object.assign(there, facts);
      break;
    case 'mutate metadata':
      if (there.metadata !== undefined && !Object.isFrozen(there.metadata))
        Object.assign(there.metadata, { version: `m${pick % 3}` });
      break;
    case 'freeze':
      frozen(there);
      break;
    case 'freeze half':
      Object.freeze(there);
      break;
    case 'swap': {
      const other = (at + pick) % list.length;
      [list[at], list[other]] = [list[other]!, there];
      break;
    }
    case 'repeat':
      list.push(there);
      break;
    case 'spoil':
      list[at] = { ...there, port: pick % 2 === 0 ? 0 : there.port, host: '169.254.169.254' };
      break;
    case 'another address':
      list[at] = { ...there, port: 1 + (pick % 5) };
      break;
  }
}

interface Seen {
  readonly endpoints: readonly Endpoint[];
  readonly members: readonly Endpoint[];
  readonly eligible: readonly string[];
}

function look(world: World, endpoints: readonly Endpoint[]): Seen {
  const { pool } = world;
  for (const member of pool.members)
    expect(pool.isEligible(member)).to.equal(pool.eligible.includes(member), member.endpoint.id);
  expect(new Set(pool.members).size, 'distinct members').to.equal(pool.members.length);
  // A set that only comes in another order is not published again.
  const sorted = (list: readonly Endpoint[]) => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
  const members = pool.members.map(({ endpoint }) => endpoint);
  return { endpoints: sorted(endpoints), members: sorted(members), eligible: world.eligible };
}

/** As an engine sees a set that has never seen another one. */
async function afresh(list: readonly unknown[]): Promise<Seen> {
  const world = new World({ logger: false });
  await world.serve(list);
  const seen = look(world, await world.engine.instances('orders'));
  await world.close();
  return seen;
}

const kinds: readonly Edit[0][] = [
  'add',
  'add',
  'add a frozen one',
  'add a frozen one',
  'add a frozen one',
  'remove',
  'replace',
  'mutate',
  'mutate metadata',
  'freeze',
  'freeze half',
  'swap',
  'repeat',
  'spoil',
  'reverse',
  'another address',
  'empty',
];
const edits = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(10_000)), { maxLength: 6 });

describe('a set that repeats most of the one before it', () => {
  afterEach(closeWorlds);

  it('means what it would mean to an engine that has seen no other, whatever is mutated and published again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edits, { maxLength: 12 }), fc.boolean(), async (steps, sameArray) => {
        const world = new World({ logger: false, defaults: { guard: { maxLossShare: 1 } } });
        const list: Loose[] = instances('a', 'b', 'c', 'd').map((one, index) =>
          index % 2 === 0 ? frozen({ ...one }) : { ...one, metadata: { version: '0' } },
        );
        await world.serve(list);
        const { updates } = world.recorded.balancers[0]!;
        for (const step of steps) {
          for (const one of step) edit(list, one);
          const before = new Map(world.pool.members.map(({ endpoint }) => [endpoint.id, endpoint]));
          const told = updates.length;
          const version = world.events('snapshot').at(-1)?.version ?? 0;
          world.registry.last().publish(sameArray ? list : [...list]);
          await settle();
          const seen = look(world, await world.engine.instances('orders'));
          expect(seen).to.deep.equal(await afresh(list));
          for (const endpoint of seen.members) {
            const former = before.get(endpoint.id);
            if (JSON.stringify(former) === JSON.stringify(endpoint)) expect(endpoint).to.equal(former);
          }
          const news =
            before.size !== seen.members.length ||
            seen.members.some((endpoint) => before.get(endpoint.id) !== endpoint);
          expect(updates.length - told, 'the balancer is told once').to.equal(news ? 1 : 0);
          expect((world.events('snapshot').at(-1)?.version ?? 0) - version).to.equal(news ? 1 : 0);
        }
        await world.close();
      }),
      { numRuns: size(150, 3_000) },
    );
  }).timeout(size(60_000, 600_000));

  it('is not read again where its objects are frozen, and is where they may have changed', async () => {
    let reads = 0;
    const counted = (endpoint: Endpoint): Endpoint =>
      new Proxy(endpoint, {
        get(target, key, receiver) {
          reads++;
          return Reflect.get(target, key, receiver);
        },
      });
    const set = many(1_000).map((one) => counted(Object.freeze(one)));
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(set);
    reads = 0;
    world.registry.last().publish([...set]);
    expect(reads, 'an unchanged set').to.equal(0);
    const slice = set.slice(0, 400).concat(counted(Object.freeze(instance('new'))), set.slice(410));
    world.registry.last().publish(slice);
    expect(reads, 'one joined and ten left').to.be.at.most(40);
    expect(idsOf(await world.engine.instances('orders'))).to.have.length(991);

    const open = many(10).map((one) => counted({ ...one }));
    world.registry.last().publish(open);
    reads = 0;
    world.registry.last().publish(open);
    expect(reads).to.be.at.least(10);
  });

  it('is read again where its objects are of a class, or frozen at the top only', async () => {
    class Pod {
      readonly id = 'pod';
      readonly port = 80;
      static host = '10.0.0.1';
      get host(): string {
        return Pod.host;
      }
    }
    const metadata = { version: '1' };
    const zones = ['a'];
    const set = [
      Object.freeze(new Pod()),
      Object.freeze({ ...instance('a'), metadata }),
      Object.freeze({ ...instance('b'), hints: Object.freeze({ zones }) }),
    ];
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    await world.serve(set);
    Pod.host = '10.0.0.2';
    metadata.version = '2';
    zones[0] = 'b';
    world.registry.last().publish(set);
    const [pod, a, b] = await world.engine.instances('orders');
    expect([pod?.host, a?.metadata?.version, b?.hints?.zones]).to.deep.equal(['10.0.0.2', '2', ['b']]);
  });

  it('is not taken for the one before when a key without a value stands in for another one', async () => {
    const world = new World();
    await world.serve([{ ...instance('a'), metadata: { version: '1' } }]);
    world.registry.last().publish([{ ...instance('a'), metadata: { other: undefined } }, instance('b')]);
    expect(world.events('problem').map(({ code }) => code)).to.deep.equal(['bad-metadata']);
  });

  it('is forgotten when walking through it throws, so that the next one is read from the start', async () => {
    const world = new World({ defaults: { guard: { maxLossShare: 1 } } });
    const set = many(20).map((one) => Object.freeze(one));
    await world.serve(set);
    const trap = new Proxy([...set.slice(0, 10), ...set], {
      get(target, key, receiver) {
        if (key === '15') throw new Error('trap');
        return Reflect.get(target, key, receiver);
      },
    });
    world.registry.last().publish(trap);
    await world.clock.advance(1_000);
    world.registry.last().publish(set.slice(5));
    await settle();
    expect(idsOf(await world.engine.instances('orders'))).to.deep.equal(idsOf(set.slice(5)));
  });
});
