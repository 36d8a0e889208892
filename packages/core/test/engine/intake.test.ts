import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { instances, many } from '../support/instances.js';
import { size } from '../support/long.js';
import { closeWorlds, World } from '../support/world.js';

const LARGE = 5_000;
const DOWN = new Error('the registry is down');

/** More turns than any set here takes. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await settle();
}

async function followed(): Promise<{ world: World; statuses: string[] }> {
  const world = new World();
  const statuses: string[] = [];
  world.engine.watch('orders', (snapshot) =>
    statuses.push(
      'endpoints' in snapshot ? `${snapshot.status} ${snapshot.endpoints.length}` : snapshot.status,
    ),
  );
  await settle();
  return { world, statuses };
}

describe('a set of thousands', () => {
  afterEach(closeWorlds);

  it('is taken over a few turns later, as a whole and once', async () => {
    const { world, statuses } = await followed();
    world.registry.last().publish(many(LARGE));
    expect(statuses).to.deep.equal(['pending']);
    await turns();
    expect(statuses).to.deep.equal(['pending', `ready ${LARGE}`]);
    expect(world.pool.members).to.have.length(LARGE);
    expect(world.events('snapshot')).to.have.length(1);
  });

  it('is taken over at once when all but a few of it was there before', async () => {
    const { world, statuses } = await followed();
    const set = many(LARGE).map((endpoint) => Object.freeze(endpoint));
    world.registry.last().publish(set);
    await turns();
    world.registry.last().publish([...set.slice(1), ...instances('a')]);
    expect(statuses.at(-1)).to.equal(`ready ${LARGE}`);
    expect(world.events('snapshot').at(-1)).to.include({ version: 2, added: 1, removed: 1 });
  });

  it('is followed by the latest of what was published meanwhile, however fast that is', async () => {
    const { world, statuses } = await followed();
    for (const count of [LARGE, LARGE + 1, LARGE + 2]) world.registry.last().publish(many(count));
    await turns();
    expect(statuses).to.deep.equal(['pending', `ready ${LARGE}`, `ready ${LARGE + 2}`]);
  });

  it('is followed by what else was said meanwhile: that there is no such service', async () => {
    const { world, statuses } = await followed();
    world.registry.last().publish(many(LARGE));
    world.registry.last().unknown('it was deleted');
    await turns();
    expect(statuses).to.deep.equal(['pending', `ready ${LARGE}`, 'unknown']);
  });

  it('keeps reports in their order', async () => {
    const { world } = await followed();
    const { feed } = world.registry.last();
    feed.report({ code: 'before', detail: 'before' });
    feed.publish(many(LARGE));
    feed.report({ code: 'after', detail: 'after' });
    await turns();
    const order = world.seen.map(({ name, event }) => ('code' in event ? event.code : name));
    expect(order).to.deep.equal(['before', 'snapshot', 'after']);
  });

  it('comes before the failure of the watch that published it', async () => {
    const { world, statuses } = await followed();
    world.registry.last().publish(many(LARGE));
    world.registry.last().fail(DOWN);
    await turns();
    expect(statuses).to.deep.equal(['pending', `ready ${LARGE}`, `stale ${LARGE}`]);
  });

  it('that is no good as a whole ends its watch, also when that shows late', async () => {
    const { world, statuses } = await followed();
    const set = new Proxy(many(LARGE), {
      get: (target, key, receiver) =>
        key === 'slice' ? () => late(target) : Reflect.get(target, key, receiver),
    });
    world.registry.last().publish(set);
    await turns();
    expect(statuses).to.deep.equal(['pending', 'failed']);
    expect(world.registry.last().feed.signal.aborted).to.equal(true);
  });

  it('is dropped when the engine is closed meanwhile, and nothing is left', async () => {
    const { world, statuses } = await followed();
    world.registry.last().publish(many(LARGE));
    await world.close();
    await turns();
    expect(statuses).to.deep.equal(['pending']);
    expect(world.clock.pending).to.equal(0);
  });

  it('has the last word after any sequence of large and small sets and words', async () => {
    const step = fc.oneof(
      fc.constantFrom(0, 3, 1_999, 2_000, 2_001, 4_000, LARGE).map((count) => ({ count })),
      fc.constant('unknown' as const),
      fc.constant('turn' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const { world, statuses } = await followed();
        let last = 'pending';
        for (const one of steps) {
          const watch = world.registry.last();
          if (one === 'turn') await settle();
          else if (one === 'unknown') watch.unknown('there is none');
          else watch.publish(many(one.count));
          if (one !== 'turn') last = one === 'unknown' ? 'unknown' : `ready ${one.count}`;
          // A service that is not known and not configured is followed no more once nobody wants it; here somebody does.
        }
        await turns();
        expect(statuses.at(-1)).to.equal(last);
        await world.close();
      }),
      { numRuns: size(20, 300) },
    );
  }).timeout(size(60_000, 600_000));
});

/** A list that can be walked through for a while. */
function late(list: readonly object[]): readonly object[] {
  return new Proxy(list, {
    get(target, key, receiver) {
      if (key === '4000') throw new Error('no further');
      return Reflect.get(target, key, receiver);
    },
  });
}
