// Three instances of a small service, called by name through axios; one of them goes down on the way.
import { axiosAdapter } from '@crowfly/client-axios';
import { inline } from '@crowfly/registry-static';
import axios, { isAxiosError } from 'axios';
import { createDiscovery, isCrowflyError } from 'crowfly';
import { startOrders } from './orders.ts';

const instances = [await startOrders('one'), await startOrders('two'), await startOrders('three')];
const discovery = createDiscovery({ registry: inline({ orders: instances.map(({ address }) => address) }) });

const orders = axios.create({
  baseURL: 'http://orders/v1',
  adapter: axiosAdapter(discovery),
  timeout: 2000, // for all tries of a call together
});

async function callsByInstance(count: number): Promise<Record<string, number>> {
  const calls: Record<string, number> = {};
  for (let n = 0; n < count; n++) {
    const { data } = await orders.get<{ by: string }>(`/${n}`);
    calls[data.by] = (calls[data.by] ?? 0) + 1;
  }
  return calls;
}

console.log('30 calls, three instances:', await callsByInstance(30));
instances[0]?.kill();
console.log('30 calls, one of them gone:', await callsByInstance(30));

// An order is placed once: where it may have been executed, only the caller can say that sending it again is safe.
const { status, data } = await orders.post(
  '/',
  { item: 'book' },
  { headers: { 'Idempotency-Key': 'order-1' } },
);
console.log('placed:', status, data.placed);

for (const instance of instances) instance.kill();
try {
  await orders.get('/42');
} catch (error) {
  if (!isAxiosError(error)) throw error;
  // axios' code for what happened last; the cause says the rest.
  console.log('all gone:', error.code, isCrowflyError(error.cause) ? error.cause.code : '');
}

await discovery.close();
