import { subscribe } from 'node:diagnostics_channel';
import { informerOf, officialKit } from './official.mjs';
import { counted } from './requests.mjs';

/** As its documentation shows it: without this, an informer stops for good at the first error. */
const AGAIN_MS = 5_000;

const count = counted();
subscribe('http.client.request.start', ({ request }) => count.request(request.path));

const kit = await officialKit();
const names = Array.from({ length: Number(process.argv[2]) }, (_, n) => `service-${n}`);
await Promise.all(
  names.map(async (name) => {
    const { informer } = await informerOf(name, kit);
    const start = () =>
      informer.start().catch(() => {
        setTimeout(start, AGAIN_MS);
      });
    informer.on('error', () => setTimeout(start, AGAIN_MS));
    await informer.start();
  }),
);
count.ready(names.length);
