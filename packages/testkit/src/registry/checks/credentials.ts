import { describeError, isCrowflyError } from '@crowfly/core';
import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import { follow } from './follow.js';

const DENIAL = /401|403|den(?:y|ied)|forbid|unauthori[sz]ed|permission|credential|token|\bacl\b/i;

/** Rule 9. */
export const credentialChecks: readonly Check[] = [
  {
    rule: 9,
    title: 'credentials that were rotated are picked up without a restart',
    needs: ['supports.credentials', 'change', 'rotateCredentials'],
    instances: 2,
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const following = follow(stage, service);
      await following.set(9, stage.instances(1), 'Publish the set');
      await stage.harness.rotateCredentials?.();
      await stage.put(service, stage.instances(2));
      await following.set(9, stage.instances(2), 'Read the credentials again on each connect');
    },
  },
  {
    rule: 9,
    title: 'a denial is an error that says so, and no empty set',
    needs: ['supports.credentials', 'deny'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      await stage.harness.deny?.();
      const watched = stage.watch(service);
      const error = await watched.failure(9, 'when access was denied');
      if (watched.facts.length > 0) {
        throw new Breach(
          9,
          'the adapter said something about the service when access was denied',
          'Throw, and publish nothing',
        );
      }
      if (!isCrowflyError(error, 'denied') && !DENIAL.test(describeError(error))) {
        throw new Breach(
          9,
          `the error of a denial does not say so: "${describeError(error)}"`,
          "Throw a CrowflyError of code 'denied' that names the status (401, 403) and what to check, so that it is told from an outage and nobody waits for it",
          error,
        );
      }
    },
  },
];
