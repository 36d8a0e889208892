import type { Check } from '../check.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import { activeResources, newResources } from '../traffic.js';
import { until } from '../wait.js';
import type { Watched } from '../watched.js';

/** Rule 7. Words after the abort are noticed in every test. */
export const abortChecks: readonly Check[] = [
  {
    rule: 7,
    title: 'an aborted watch settles at once, and neither asks nor says anything more',
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service);
      await watched.set(7, stage.instances(1));
      await settles(stage, watched, 'an idle watch');
      if (stage.harness.without?.change === undefined) {
        await stage.put(service, stage.instances(1, 1));
        await stage.harness.remove(service);
      }
      const requests = stage.requests;
      await stage.quiet();
      watched.check();
      if (stage.requests > requests) {
        throw new Breach(
          7,
          `${stage.requests - requests} requests were made after the abort`,
          'Pass feed.signal to every request, and end every loop',
        );
      }
    },
  },
  {
    rule: 7,
    title: 'an abort during the first sync is heard',
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      for (const turns of [0, 1, 5]) {
        const watched = stage.watch(service);
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        await settles(stage, watched, 'a watch in its first sync');
      }
      await stage.quiet();
    },
  },
  {
    rule: 7,
    title: 'a watch whose signal has aborted already says nothing and settles',
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const watched = stage.watch(service, stage.registry, true);
      await settles(stage, watched, 'a watch that was aborted before it began');
      await stage.quiet();
      watched.check();
    },
  },
  {
    rule: 7,
    title: 'an abort while the backend is silent is heard',
    needs: ['supports.silenceMs', 'freeze'],
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const running = stage.watch(service);
      await running.set(7, stage.instances(1));
      await stage.harness.freeze?.();
      const starting = stage.watch(await stage.name());
      await stage.quiet();
      await settles(stage, running, 'a watch of a silent backend');
      await settles(stage, starting, 'a watch that waits for its first answer');
    },
  },
  {
    rule: 7,
    title: 'nothing is left that keeps the process alive: no timer, connection or handle',
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      // Opened once before, so that what the platform creates on first use is no leak.
      for (const last of [false, true]) {
        const resources = activeResources();
        const connections = stage.traffic.connections();
        const registry = stage.open();
        const watched = stage.watch(service, registry);
        await watched.set(7, stage.instances(1));
        await settles(stage, watched, 'an idle watch');
        await stage.close(registry);
        if (!last) continue;
        const left = (): string[] => [
          ...(stage.clock.pending > 0 ? [`${stage.clock.pending} timers of the injected clock`] : []),
          ...([...stage.traffic.connections()].some((socket) => !connections.has(socket))
            ? ['an open connection']
            : []),
          ...newResources(resources),
        ];
        if (await until(() => left().length === 0, stage.limits.timeoutMs)) return;
        throw new Breach(
          7,
          `after the abort and close() there is still ${left().join(', ')}`,
          'Cancel timers, and end connections and file watchers, when feed.signal aborts or, if they are shared, in close()',
        );
      }
    },
  },
];

async function settles(stage: Stage, watched: Watched, what: string): Promise<void> {
  if (await watched.end()) return;
  throw new Breach(
    7,
    `${what} had not settled ${stage.limits.abortMs} ms after its signal aborted`,
    'Pass feed.signal to every request and wait, and let watch() end when it aborts',
  );
}
