import type { Check } from '../check.js';
import { difference } from '../instances.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import type { Watched } from '../watched.js';

/** Rule 1. */
export const setChecks: readonly Check[] = [
  {
    rule: 1,
    title: 'the first set holds every instance that is there',
    async run(stage) {
      const all = stage.instances(stage.several);
      const watched = stage.watch(await stage.populated(all));
      await watched.until(
        1,
        'the first set',
        () => watched.facts.length > 0,
        'Publish the set once it is complete',
      );
      const off = difference(watched.sets()[0] ?? [], all, stage.supports);
      if (off !== undefined) {
        throw new Breach(
          1,
          `the first set was not the whole: ${off}`,
          'Publish once, after the last page or slice has been read',
        );
      }
    },
  },
  {
    rule: 1,
    title: 'an instance that joins or leaves brings the whole new set, never a part of it',
    needs: ['change'],
    instances: 4,
    async run(stage) {
      const few = stage.instances(stage.several - 1);
      const all = stage.instances(stage.several);
      const service = await stage.populated(few);
      const watched = stage.watch(service);
      await watched.set(1, few);
      await stage.put(service, all);
      await watched.set(1, all);
      await stage.put(service, few);
      await watched.set(1, few);
      onlyThese(stage, watched, [few, all]);
    },
  },
  {
    rule: 1,
    title: 'a published set stays as it was, whatever is published later',
    needs: ['change'],
    instances: 3,
    async run(stage) {
      const service = await stage.populated(stage.instances(2));
      const watched = stage.watch(service);
      await watched.set(1, stage.instances(2));
      for (const instances of [stage.instances(3), stage.instances(1), stage.instances(2, 1)]) {
        await stage.put(service, instances);
        await watched.set(1, instances);
      }
      watched.check();
    },
  },
];

function onlyThese(stage: Stage, watched: Watched, allowed: readonly ReturnType<Stage['instances']>[]): void {
  for (const set of watched.sets()) {
    const off = allowed.map((wanted) => difference(set, wanted, stage.supports));
    if (off.includes(undefined)) continue;
    throw new Breach(
      1,
      `a set in between was neither the old nor the new one: ${off[0]}`,
      'Keep the whole set in the adapter, apply a change to it, and publish the result at once',
    );
  }
}
