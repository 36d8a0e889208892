import type { Endpoint } from '@crowfly/core';
import type { Check } from '../check.js';
import type { Fact } from '../facts.js';
import { difference } from '../instances.js';
import { Breach } from '../rules.js';
import { follow } from './follow.js';

/** Rule 5. */
export const resyncChecks: readonly Check[] = [
  {
    rule: 5,
    title: 'changes missed in a gap arrive at once, with nothing false in between',
    needs: ['supports.resync', 'change', 'cut'],
    instances: 4,
    async run(stage) {
      const size = Math.min(8, stage.several);
      const states = [stage.instances(size), stage.instances(size, size / 2), stage.instances(size - 1, 1)];
      const [start = []] = states;
      const service = await stage.populated(start);
      const following = follow(stage, service);
      await following.set(5, start, 'Publish the set');
      for (const [index, next] of states.entries()) {
        if (index === 0) continue;
        const from = following.facts().length;
        await stage.harness.cut?.(() => stage.put(service, next));
        await following.set(
          5,
          next,
          'Notice the gap (410, a lower index, a hash that differs), read everything again, and publish the result',
        );
        straight(
          following.facts().slice(from),
          states[index - 1] ?? [],
          next,
          (set, wanted) => difference(set, wanted, stage.supports) === undefined,
        );
      }
    },
  },
];

/** From the old set to the new one: no unknown, no empty or partial set, and no way back. */
function straight(
  facts: readonly Fact[],
  before: readonly Endpoint[],
  after: readonly Endpoint[],
  same: (set: readonly Endpoint[], wanted: readonly Endpoint[]) => boolean,
): void {
  const fix = 'Keep the old set until the new one is complete, then publish that';
  let arrived = false;
  for (const fact of facts) {
    if (fact.kind === 'unknown') throw new Breach(5, 'the service was called unknown during the resync', fix);
    if (same(fact.endpoints, after)) arrived = true;
    else if (arrived) throw new Breach(5, 'an old set was published after the new one', fix);
    else if (!same(fact.endpoints, before)) {
      throw new Breach(
        5,
        `a set of ${fact.endpoints.length} instances that never was a state of the service was published during the resync`,
        fix,
      );
    }
  }
}
