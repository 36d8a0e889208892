// The client: twenty calls a second to http://orders/, and a line that says which pods answered them.
import { setTimeout as sleep } from 'node:timers/promises';
import { kubernetes } from '@crowfly/registry-kubernetes';
import { createDiscovery } from 'crowfly';

const discovery = createDiscovery({ registry: kubernetes() });

let running = true;
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    running = false;
  });
}

// ROUNDS=3 ends by itself; in a cluster it runs until its pod is ended.
const rounds = Number(process.env.ROUNDS ?? Number.POSITIVE_INFINITY);
for (let round = 1; running && round <= rounds; round++) {
  try {
    console.log('20 calls:', await callsByPod(20));
  } catch (error) {
    console.error('orders cannot be called:', String(error));
  }
  if (round === 1) console.log(String(await discovery.explain('orders')));
  if (running && round < rounds) await sleep(1_000);
}

await discovery.close();

/** @param {number} count */
async function callsByPod(count) {
  /** @type {Record<string, number>} */
  const calls = {};
  for (let id = 1; id <= count; id++) {
    const response = await discovery.fetch(`http://orders/v1/${id}`);
    const { pod } = /** @type {{ pod: string }} */ (await response.json());
    calls[pod] = (calls[pod] ?? 0) + 1;
  }
  return Object.entries(calls)
    .map(([pod, answers]) => `${pod} ${answers}`)
    .join(', ');
}
