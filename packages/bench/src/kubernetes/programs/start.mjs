import { kubernetes } from '@crowfly/registry-kubernetes';
import { createDiscovery } from 'crowfly';
import { tellCost } from './cost.mjs';

const registry = kubernetes({ serviceAccountDirectory: process.env.POD_DIRECTORY });
const discovery = createDiscovery({ registry });
await discovery.ready(['orders']);
tellCost();
