import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { seededRandom } from '@crowfly/core/testing';
import { expect } from 'chai';
import { pods, service, slice } from './support/objects.ts';
import { statusOf } from './support/replies.ts';
import { Rig } from './support/rig.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const CYCLES = process.env.CROWFLY_LONG === '1' ? 10_000 : 500;

/** Bytes that are held after everything that can be let go was let go. */
async function heap(rig: Rig): Promise<number> {
  await rig.pass(40_000, 5_000);
  // What the fake remembers is not ours.
  rig.server.seen.length = 0;
  rig.server.cluster.compact();
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

describe('hours of watches', () => {
  it(`that come, fail, are made up and go, ${CYCLES} of them, leave nothing behind`, async function () {
    this.timeout(600_000);
    const seed = Math.floor(Math.random() * 1e9);
    const random = seededRandom(seed);
    const rig = await Rig.start();
    const { server, clock, registry } = rig;
    const { cluster } = server;
    const never = new AbortController();
    /** One that stays in use all the time. */
    const steady = watch('steady', never);
    try {
      const some = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const cycle = async (index: number): Promise<void> => {
        const name = some(['orders', 'users', `made-up-${index}`, `orders.made-up-${index}`, 'stock']);
        const ending = new AbortController();
        const watched = watch(name, ending);
        if (random() < 0.9)
          for (let turn = 0; turn < 50 && !watched.spoke(); turn++) await rig.pass(200, 200);
        cluster.put(
          'endpointslices',
          slice({ name: 'o1', endpoints: pods('10.0.0.1', `10.0.1.${index % 250}`) }),
        );
        some([
          () => server.endWatches(),
          () => server.cutWatches(),
          () => server.front.cut(),
          () => server.interfere({ times: 1 }, statusOf(500, 'InternalError', 'no etcd')),
          () => cluster.delete('endpointslices', 'shop', 'u1'),
          () =>
            cluster.put(
              'endpointslices',
              slice({ name: 'u1', service: 'users', endpoints: pods('10.0.0.2') }),
            ),
          () => cluster.delete('services', 'shop', 'stock'),
          () => cluster.put('services', service('stock')),
        ])();
        if (random() < 0.5) await rig.pass(100, 50);
        ending.abort();
        await watched.done;
        if (index % 100 === 0) {
          server.seen.length = 0;
          cluster.compact();
        }
      };
      for (let index = 0; index < CYCLES / 3; index++) await cycle(index);
      const before = await heap(rig);
      const connections = server.front.open;
      for (let index = 0; index < CYCLES; index++) await cycle(index);
      const after = await heap(rig);
      expect((after - before) / CYCLES, `bytes a cycle (seed ${seed})`).to.be.below(1_500_000 / CYCLES + 150);
      expect(server.front.open, 'connections').to.be.at.most(connections + 1);
      expect(clock.pending, 'timers').to.be.below(30);
    } finally {
      never.abort();
      await steady.done;
      await rig.close();
    }

    function watch(
      target: string,
      ending: AbortController,
    ): { spoke(): boolean; readonly done: Promise<void> } {
      const ref = registry.locate(target);
      if (ref === undefined) throw new Error(target);
      let spoke = false;
      const say = (): void => {
        spoke = true;
      };
      const follow = async (): Promise<void> => {
        // As core does it: again after a failure, with a signal of its own each time.
        while (!ending.signal.aborted) {
          const own = new AbortController();
          const end = (): void => own.abort();
          ending.signal.addEventListener('abort', end);
          await registry
            .watch(ref, { signal: own.signal, publish: say, unknown: say, report: () => {} })
            .catch(say);
          own.abort();
          ending.signal.removeEventListener('abort', end);
          if (!ending.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      return { spoke: () => spoke, done: follow() };
    }
  });
});
