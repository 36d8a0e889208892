import type { Check } from '../check.js';
import { Breach } from '../rules.js';

/** Services and registries side by side, and the end of a registry. */
export const isolationChecks: readonly Check[] = [
  {
    rule: 'isolation',
    title: 'two services of one registry change, and end, without each other',
    needs: ['change'],
    instances: 2,
    async run(stage) {
      const [a, b] = [await stage.populated(stage.instances(1)), await stage.populated(stage.instances(2))];
      const [first, second] = [stage.watch(a), stage.watch(b)];
      const missing = stage.watch(stage.name());
      await first.set('isolation', stage.instances(1));
      await second.set('isolation', stage.instances(2));
      await missing.gone('isolation');
      await stage.put(a, stage.instances(2, 4));
      await first.set('isolation', stage.instances(2, 4));
      await stage.quiet();
      second.check();
      if (second.facts.length > 1) {
        throw new Breach(
          'isolation',
          'a change of one service published the set of another',
          'Publish to the feeds of the service that changed',
        );
      }
      await first.end();
      await stage.put(b, stage.instances(1, 8));
      await second.set(
        'isolation',
        stage.instances(1, 8),
        'Let the abort of one watch end only what belongs to it',
      );
    },
  },
  {
    rule: 'isolation',
    title: 'two registries of one factory live, and close, without each other',
    needs: ['change'],
    instances: 2,
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      const [left, right] = [stage.open(), stage.open()];
      const [ending, staying] = [stage.watch(service, left), stage.watch(service, right)];
      await ending.set('isolation', stage.instances(1));
      await staying.set('isolation', stage.instances(1));
      await ending.end();
      await stage.close(left);
      await stage.put(service, stage.instances(2));
      await staying.set(
        'isolation',
        stage.instances(2),
        'Share nothing between the registries of a factory: open connections in it, not beside it',
      );
    },
  },
  {
    rule: 'close',
    title: 'close() may be called twice, and without any watch',
    async run(stage) {
      const service = await stage.populated(stage.instances(1));
      for (const watched of [false, true]) {
        const registry = stage.open();
        if (watched) {
          const watch = stage.watch(service, registry);
          await watch.set('close', stage.instances(1));
          await watch.end();
        }
        try {
          await stage.close(registry);
          await registry.close?.();
        } catch (error) {
          throw new Breach(
            'close',
            `close() failed: ${error instanceof Error ? error.message : typeof error}`,
            'Let a second close() do nothing',
            error,
          );
        }
      }
    },
  },
];
