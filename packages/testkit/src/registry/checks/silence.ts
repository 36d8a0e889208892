import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import { until } from '../wait.js';
import { follow } from './follow.js';

/** Rule 8. */
export const silenceChecks: readonly Check[] = [
  {
    rule: 8,
    title: 'a connection that died in silence is noticed within supports.silenceMs',
    needs: ['supports.silenceMs', 'change', 'freeze'],
    instances: 2,
    async run(stage) {
      const { silenceMs = 0 } = stage.supports;
      const boundMs = silenceMs + stage.limits.timeoutMs;
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(8, stage.instances(1));
      // Until it is parked in its next request or its open stream.
      await stage.quiet();
      await stage.harness.freeze?.();
      const requests = stage.requests;
      const noticed = await until(() => !watched.running || stage.requests > requests, boundMs);
      if (!noticed) {
        throw new Breach(
          8,
          `after ${boundMs} ms of silence the watch had neither rejected nor asked again`,
          'Watch for inactivity: restart the connection, or throw, after supports.silenceMs without a byte',
        );
      }
      await stage.harness.heal?.();
      await stage.put(service, stage.instances(2));
      await follow(stage, service, watched).set(
        8,
        stage.instances(2),
        'Open a new connection when the old one is silent',
        boundMs,
      );
    },
  },
];
