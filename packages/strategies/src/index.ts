export { defaultStrategy } from './default-strategy.js';
export { type LeastRequestOptions, leastRequest } from './least-request.js';
export { peakEwma } from './peak-ewma.js';
export { random } from './random.js';
export { roundRobin } from './round-robin.js';
export { type WeightedRoundRobinOptions, weightedRoundRobin } from './weighted-round-robin.js';
