import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import type { Watched } from '../watched.js';

/** Rule 6. */
export const malformedChecks: readonly Check[] = [
  {
    rule: 6,
    title: 'an entry that cannot be read costs that entry, and is reported',
    needs: ['malformedEntry'],
    async run(stage) {
      const good = stage.instances(Math.min(3, stage.several));
      const service = stage.name();
      await stage.harness.malformedEntry?.(service, good);
      const watched = stage.watch(service);
      await watched.set(6, good, 'Skip the bad entry, keep the others');
      await reported(watched);
    },
  },
  {
    rule: 6,
    title: 'a bad entry that appears later leaves the others alone, and is reported',
    needs: ['malformedEntry', 'change'],
    instances: 3,
    async run(stage) {
      const service = await stage.populated(stage.instances(2));
      const watched = stage.watch(service);
      await watched.set(6, stage.instances(2));
      await stage.harness.malformedEntry?.(service, stage.instances(3));
      await watched.set(6, stage.instances(3), 'Skip the bad entry, keep the others');
      await reported(watched);
      await stage.put(service, stage.instances(2));
      await watched.set(6, stage.instances(2), 'Go on watching after a bad entry');
    },
  },
  {
    rule: 6,
    title: 'an answer that cannot be read at all is an error, not an empty set',
    needs: ['malformedWhole'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      await stage.harness.malformedWhole?.(service);
      const watched = stage.watch(service);
      await watched.failure(6, 'when nothing of the answer could be read');
      silent(watched, 0);
    },
  },
  {
    rule: 6,
    title: 'an unreadable answer in mid-watch leaves the set alone',
    needs: ['malformedWhole', 'change'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(6, stage.instances(1));
      const said = watched.facts.length;
      await stage.harness.malformedWhole?.(service);
      await watched.failure(6, 'when nothing of the answer could be read');
      silent(watched, said);
      await stage.harness.heal?.();
      await stage.put(service, stage.instances(1));
      await stage
        .watch(service)
        .set(6, stage.instances(1), 'A new watch after a failure starts from nothing: fetch the set again');
    },
  },
];

async function reported(watched: Watched): Promise<void> {
  await watched.until(
    6,
    'a report of the bad entry',
    () => watched.problems.length > 0,
    'Call feed.report({ code, detail, entry }) for each entry that is skipped',
  );
  for (const problem of watched.problems) {
    if (
      typeof problem?.code === 'string' &&
      problem.code !== '' &&
      typeof problem.detail === 'string' &&
      problem.detail !== ''
    )
      continue;
    throw new Breach(
      6,
      'a report had no code or no detail',
      "Give both as text: { code: 'bad-port', detail: 'what is wrong, and where' }",
    );
  }
}

function silent(watched: Watched, from: number): void {
  const fact = watched.facts[from];
  if (fact === undefined) return;
  const what =
    fact.kind === 'unknown'
      ? 'unknown() was called'
      : `a set of ${fact.endpoints.length} instances was published`;
  throw new Breach(
    6,
    `${what} for an answer that could not be read`,
    'Throw an Error: the core keeps the last good set',
  );
}
