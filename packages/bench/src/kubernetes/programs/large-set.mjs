// In a fresh process: the first set of a large service, and then changes of it.
import { kubernetes } from '@crowfly/registry-kubernetes';
import { createDiscovery } from 'crowfly';
import { Ladder, memory, pause } from './loop.mjs';

/** What is put off, or done in slices, is counted too. */
const AFTER_MS = 100;

const ladder = new Ladder();
let changed = () => {};
const change = () =>
  new Promise((resolve) => {
    changed = resolve;
  });

await pause(300);
ladder.start();
await pause(500);
const floor = ladder.stop();
const before = memory();

const startedAt = performance.now();
ladder.start();
const first = change();
const discovery = createDiscovery({
  registry: kubernetes({ serviceAccountDirectory: process.env.POD_DIRECTORY }),
  logger: false,
  env: false,
});
discovery.watch('orders', (snapshot) => {
  if (snapshot.status === 'ready') changed(snapshot.endpoints.length);
});
const endpoints = await first;
const readyMs = performance.now() - startedAt;
await pause(AFTER_MS);
const block = ladder.stop();
const rssPeakMb = process.resourceUsage().maxRSS / 1024;
const after = memory();
process.send?.({
  endpoints,
  readyMs,
  block,
  floor,
  heapMb: after.heapMb - before.heapMb,
  rssMb: after.rssMb - before.rssMb,
  peakMb: rssPeakMb - before.rssMb,
});

process.on('message', async () => {
  const seen = change();
  ladder.start();
  process.send?.({ armed: true });
  await seen;
  await pause(AFTER_MS);
  process.send?.({ block: ladder.stop() });
});
process.once('disconnect', () => process.exit());
