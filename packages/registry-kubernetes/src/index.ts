export { KUBERNETES_DEFAULTS, type KubernetesOptions } from './options.js';
export { kubernetes } from './registry.js';
