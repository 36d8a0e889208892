export { type Address, type Closable, createPerInstance, type PerInstance, type PerInstanceOptions } from './per-instance.js';
