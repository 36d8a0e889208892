// A process that has done nothing yet gets its first set of instances, and prints how long that kept its event
// loop in one piece, in ms.
import { createEngine } from '@crowfly/core';

const COUNT = Number(process.argv[2] ?? 10_000);

/** As adapters build them: with a zone and metadata, frozen. */
const metadata = Object.freeze({ version: '1.4.2', app: 'orders' });
const set = Array.from({ length: COUNT }, (_, index) =>
  Object.freeze({
    id: `pod-${index}`,
    host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    port: 8080,
    zone: `eu-1${'abc'[index % 3]}`,
    metadata: index % 2 === 0 ? metadata : Object.freeze({ version: '1.4.2', app: 'orders' }),
  }),
);

let publish;
const engine = createEngine(
  () => {
    let eligible = [];
    let next = 0;
    return {
      update(pool) {
        eligible = pool.eligible;
      },
      pick: () => eligible[next++ % eligible.length],
    };
  },
  {
    registry: () => ({
      kind: 'bench',
      id: 'bench:',
      supports: { unknown: true },
      locate: () => ({ key: 'orders' }),
      watch(_, feed) {
        publish = (endpoints) => feed.publish(endpoints);
        return new Promise((resolve) =>
          feed.signal.addEventListener('abort', () => resolve(), { once: true }),
        );
      },
    }),
    logger: false,
    env: false,
  },
);
engine.watch('orders', () => {});
let taken = false;
engine.on('snapshot', () => {
  taken = true;
});
let longest = 0;
let at = performance.now();
publish(set);
for (;;) {
  const now = performance.now();
  longest = Math.max(longest, now - at);
  if (taken) break;
  at = now;
  await new Promise((resolve) => setImmediate(resolve));
}
console.log(longest);
await engine.close();
