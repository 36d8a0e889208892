import type { Endpoint } from '@crowfly/core';
import type { Check } from '../check.js';
import { essence } from '../instances.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';

/** Rule 3. Two equal sets in a row are noticed in every test; these provoke them. */
export const equalityChecks: readonly Check[] = [
  {
    rule: 3,
    title: 'nothing is published while nothing changes',
    async run(stage) {
      const watched = stage.watch(await stage.populated(stage.instances(1)));
      await watched.set(3, stage.instances(1));
      await stage.quiet();
      watched.check();
    },
  },
  {
    rule: 3,
    title: 'the same content written again, in any order, publishes nothing',
    needs: ['change'],
    instances: 6,
    async run(stage) {
      const before = stage.instances(5);
      const after = stage.instances(6);
      const service = await stage.populated(before);
      const watched = stage.watch(service);
      await watched.set(3, before);
      await stage.put(service, before);
      await stage.put(service, stage.shuffled(before));
      await stage.put(service, [...before].reverse());
      await stage.quiet();
      watched.check();
      await stage.put(service, after);
      await watched.set(3, after);
      if (watched.facts.length > 2) {
        throw new Breach(
          3,
          `${watched.facts.length} sets were published for two different contents`,
          'Publish only when the content changed, not when it was written',
        );
      }
    },
  },
  {
    rule: 3,
    title: 'two processes see the same order and the same ids, however the backend lists the instances',
    instances: 5,
    async run(stage) {
      const instances = stage.instances(5);
      const service = await stage.populated(instances);
      const first = await stage.watch(service).set(3, instances);
      await stage.put(service, [...instances].reverse());
      const second = await stage.watch(service, stage.open()).set(3, instances);
      sameIds(stage, first, second, 'in two registries');
      const orders = [first, second].map((set) => set.map(({ id }) => id).join(' '));
      if (orders[0] !== orders[1]) {
        throw new Breach(
          3,
          'two registries delivered the same set in different orders',
          'Sort the set, by id for example',
        );
      }
    },
  },
  {
    rule: 3,
    title: 'an instance keeps its id while others join and leave',
    needs: ['change'],
    instances: 4,
    async run(stage) {
      const service = await stage.populated(stage.instances(4));
      const watched = stage.watch(service);
      const four = await watched.set(3, stage.instances(4));
      await stage.put(service, stage.instances(2, 2));
      const two = await watched.set(3, stage.instances(2, 2));
      sameIds(stage, four, two, 'after others had left');
      await stage.put(service, stage.instances(3, 1));
      sameIds(stage, four, await watched.set(3, stage.instances(3, 1)), 'after others had come back');
    },
  },
  {
    rule: 3,
    title: 'zone, weight, priority and state are delivered when they change, and the id stays',
    needs: ['change'],
    async run(stage) {
      const { zones, weights, priorities, draining } = stage.supports;
      if (![zones, weights, priorities, draining].includes(true)) return "'supports' names none of them";
      const [plain] = stage.instances(1) as [Endpoint];
      const changed: Endpoint = {
        ...plain,
        ...(zones === true ? { zone: 'zone-c' } : {}),
        ...(weights === true ? { weight: 7 } : {}),
        ...(priorities === true ? { priority: 3 } : {}),
        ...(draining === true ? { state: 'draining' } : {}),
      };
      const service = await stage.populated([plain]);
      const watched = stage.watch(service);
      const before = await watched.set(3, [plain]);
      await stage.put(service, [changed]);
      const after = await watched.set(3, [changed], "Deliver every field that 'supports' names");
      if (before[0]?.id !== after[0]?.id)
        throw unstable('when only its zone, weight, priority or state had changed');
      return undefined;
    },
  },
  {
    rule: 3,
    title: 'two ports of one host are two instances',
    instances: 2,
    async run(stage) {
      if (stage.harness.port !== undefined) return `all instances have port ${stage.harness.port}`;
      const [one] = stage.instances(1) as [Endpoint];
      const two = [one, { ...one, id: 'instance-other-port', port: one.port + 100 }];
      await stage
        .watch(await stage.populated(two))
        .set(3, two, 'Make the port a part of what tells instances apart');
      return undefined;
    },
  },
];

function sameIds(stage: Stage, before: readonly Endpoint[], after: readonly Endpoint[], when: string): void {
  const place = (endpoint: Endpoint): string => essence(endpoint, stage.supports);
  const ids = new Map(before.map((endpoint) => [place(endpoint), endpoint.id]));
  for (const endpoint of after) {
    const known = ids.get(place(endpoint));
    if (known !== undefined && known !== endpoint.id) throw unstable(when);
  }
}

function unstable(when: string): Breach {
  return new Breach(
    3,
    `an instance had another id ${when}`,
    'Make the id from what the backend calls the instance, or from host and port; never from its position or a random number',
  );
}
