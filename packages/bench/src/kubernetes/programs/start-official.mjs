import { tellCost } from './cost.mjs';
import { informerOf } from './official.mjs';

const { informer } = await informerOf('orders');
await informer.start();
if (informer.list().length === 0) throw new Error('there is no slice');
tellCost();
