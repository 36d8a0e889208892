import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import type { Watched } from '../watched.js';

/** Rule 2. */
export const factChecks: readonly Check[] = [
  {
    rule: 2,
    title: 'a service that does not exist is unknown (or empty, where the backend cannot tell)',
    async run(stage) {
      const watched = stage.watch(stage.name());
      await watched.gone(2);
      noSets(watched, stage);
    },
  },
  {
    rule: 2,
    title: 'a service that exists without instances is an empty set',
    needs: ['empty'],
    async run(stage) {
      const watched = stage.watch(await stage.populated([]));
      await watched.set(2, [], 'Publish an empty list when the service is known and has no instance');
    },
  },
  {
    rule: 2,
    title: 'an authoritative empty set is delivered when the last instance leaves',
    needs: ['change', 'empty'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(2, stage.instances(1));
      await stage.put(service, []);
      await watched.set(2, [], 'An empty set is news like any other: publish it');
    },
  },
  {
    rule: 2,
    title: 'a service that is removed, and then comes back, is followed through both',
    needs: ['change'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(2, stage.instances(1));
      await stage.harness.remove(service);
      await watched.gone(2);
      await stage.put(service, stage.instances(1));
      await watched.set(2, stage.instances(1), 'Keep watching after unknown(): the service may come');
    },
  },
  {
    rule: 2,
    title: 'a backend that fails from the start rejects the watch, and says nothing about the service',
    needs: ['fail'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      await stage.harness.fail?.();
      const watched = stage.watch(service);
      await watched.failure(2, 'while the backend failed');
      nothingSaid(watched, 0);
    },
  },
  {
    rule: 2,
    title: 'a backend that begins to fail rejects the watch and leaves the set alone',
    needs: ['fail'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(2, stage.instances(1));
      const said = watched.facts.length;
      await stage.harness.fail?.();
      await watched.failure(2, 'when the backend began to fail');
      nothingSaid(watched, said);
      await stage.harness.heal?.();
      await stage
        .watch(service)
        .set(2, stage.instances(1), 'A new watch after a failure starts from nothing: fetch the set again');
    },
  },
];

function nothingSaid(watched: Watched, from: number): void {
  const fact = watched.facts[from];
  if (fact === undefined) return;
  const what =
    fact.kind === 'unknown'
      ? 'unknown() was called'
      : `a set of ${fact.endpoints.length} instances was published`;
  throw new Breach(
    2,
    `${what} because the backend failed`,
    'A failure says nothing about the service: throw, and publish nothing',
  );
}

function noSets(watched: Watched, stage: Stage): void {
  if (!stage.supports.unknown || watched.sets().length === 0) return;
  throw new Breach(
    2,
    'a set was published for a service that does not exist',
    'Call unknown(reason), and nothing else',
  );
}
