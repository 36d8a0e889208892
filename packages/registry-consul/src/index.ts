export { CONSUL_DEFAULTS, type ConsulOptions } from './options.js';
export { consul } from './registry.js';
