// Runs in a namespace of its own: cluster, instances and client, on addresses as pods have them.
import { createServer } from 'node:http';
import { startKubernetes, until } from '@crowfly/servers';

const addresses = process.argv.slice(2);
const instances = addresses.map((host) =>
  createServer((_, response) => response.end(host)).listen({ host, port: 8080 }),
);
const cluster = await startKubernetes();
await cluster.namespace('shop');
await cluster.service('shop', 'orders', {
  selector: { app: 'orders' },
  ports: [{ port: 80, targetPort: 8080 }],
});
for (const ip of addresses)
  await cluster.pod('shop', `orders-${ip.replaceAll('.', '-')}`, { labels: { app: 'orders' }, ip });
const endpoints = await until('all endpoints', async () => {
  const found = (await cluster.slices('shop', 'orders')).flatMap((slice) => slice.endpoints ?? []);
  return found.length === addresses.length && found;
});
const answers = await Promise.all(
  endpoints.map(async (endpoint) => (await fetch(`http://${endpoint.addresses[0]}:8080/`)).text()),
);
console.log(JSON.stringify(answers.sort()));
await cluster.close();
for (const instance of instances) instance.close();
