import type { Endpoint } from '@crowfly/core';
import { judgeError } from '../errors.js';
import type { Fact } from '../facts.js';
import { difference } from '../instances.js';
import { Breach, type Rule } from '../rules.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import type { Watched } from '../watched.js';
import { describeSet } from '../watched.js';

/** A service watched as the core does it: when a watch rejects, another one is started a moment later. */
export interface Following {
  /** Everything said so far, over all watches. */
  facts(): readonly Fact[];
  /** Waits until the latest fact is the set of `wanted`. */
  set(rule: Rule, wanted: readonly Endpoint[], fix: string, boundMs?: number): Promise<void>;
}

export function follow(stage: Stage, service: string, first = stage.watch(service)): Following {
  const watches: Watched[] = [first];
  const facts = (): readonly Fact[] => watches.flatMap((watched) => watched.facts);
  const restart = (rule: Rule): void => {
    const current = watches.at(-1);
    if (current === undefined || current.running) return;
    current.check();
    if (current.outcome !== 'returned')
      judgeError(rule, current.outcome?.error, 'while the service was followed');
    watches.push(stage.watch(service));
  };
  return {
    facts,
    async set(rule, wanted, fix, boundMs = stage.limits.timeoutMs) {
      const there = (): boolean => {
        const last = watches.at(-1)?.facts.at(-1);
        return last?.kind === 'set' && difference(last.endpoints, wanted, stage.supports) === undefined;
      };
      const end = performance.now() + boundMs;
      while (!there()) {
        if (performance.now() >= end)
          throw new Breach(rule, `${describeSet(wanted)} did not come within ${boundMs} ms`, fix);
        restart(rule);
        const current = watches.at(-1);
        await until(
          () => there() || current?.running === false,
          Math.min(50, Math.max(1, end - performance.now())),
        );
        // A pause between restarts, as the core makes one.
        if (current?.running === false) await until(() => false, 20);
      }
      for (const watched of watches) watched.check();
    },
  };
}
