// The same slices through the official client's informer.
import { Ladder, memory, pause } from './loop.mjs';
import { informerOf } from './official.mjs';

const ladder = new Ladder();
await pause(300);
const before = memory();
const startedAt = performance.now();
ladder.start();
const { informer } = await informerOf('orders');
await informer.start();
const readyMs = performance.now() - startedAt;
await pause(100);
const block = ladder.stop();
const rssPeakMb = process.resourceUsage().maxRSS / 1024;
const after = memory();
process.send?.({
  endpoints: informer.list().reduce((sum, { endpoints }) => sum + endpoints.length, 0),
  readyMs,
  block,
  heapMb: after.heapMb - before.heapMb,
  rssMb: after.rssMb - before.rssMb,
  peakMb: rssPeakMb - before.rssMb,
});
process.once('disconnect', () => process.exit());
