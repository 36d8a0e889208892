import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import type { Watched } from '../watched.js';

const BURST = 20;

/** Rule 4. */
export const finalStateChecks: readonly Check[] = [
  {
    rule: 4,
    title: 'after a burst of changes the last state is delivered, and stays the last word',
    needs: ['change'],
    instances: 3,
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(4, stage.instances(1));
      for (let round = 0; round < BURST; round++) {
        await stage.put(service, stage.instances(1 + (round % 3), round));
      }
      await lastWord(stage, watched, stage.instances(3, BURST * 2), service);
    },
  },
  {
    rule: 4,
    title: 'a change during the first sync is not lost',
    needs: ['change'],
    instances: 2,
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await lastWord(stage, watched, stage.instances(2), service);
    },
  },
  {
    rule: 4,
    title: 'a service removed and put again at once is there',
    needs: ['change'],
    instances: 2,
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(4, stage.instances(1));
      await stage.harness.remove(service);
      await lastWord(stage, watched, stage.instances(2), service);
    },
  },
];

async function lastWord(
  stage: Stage,
  watched: Watched,
  final: ReturnType<Stage['instances']>,
  service: string,
): Promise<void> {
  await stage.put(service, final);
  await watched.set(4, final, 'Read again after a change that came while the last one was being handled');
  const said = watched.facts.length;
  await stage.quiet();
  watched.check();
  if (watched.facts.length > said) {
    throw new Breach(
      4,
      'an older state was delivered after the last one',
      'Drop answers that a newer one has overtaken',
    );
  }
}
