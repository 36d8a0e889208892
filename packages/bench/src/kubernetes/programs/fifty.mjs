import { subscribe } from 'node:diagnostics_channel';
import { kubernetes } from '@crowfly/registry-kubernetes';
import { createDiscovery } from 'crowfly';
import { counted } from './requests.mjs';

const count = counted();
subscribe('crowfly:registry-request', ({ path }) => count.request(path));

const registry = kubernetes({ serviceAccountDirectory: process.env.POD_DIRECTORY });
const discovery = createDiscovery({ registry, logger: false, env: false });
const names = Array.from({ length: Number(process.argv[2]) }, (_, n) => `service-${n}`);
for (const name of names) discovery.watch(name, () => {});
await discovery.ready(names);
count.ready(names.length);
