export { classifyError } from './classify.js';
export {
  type GracefulShutdown,
  gracefulShutdown,
  type ShutdownReport,
  type ShutdownState,
} from './graceful-shutdown.js';
export { isIdempotentMethod } from './idempotent.js';
export { InstanceAgents, type InstanceAgentsOptions, type InstanceTls } from './instance-agents.js';
export {
  type Address,
  type Closable,
  createPerInstance,
  type PerInstance,
  type PerInstanceOptions,
} from './per-instance.js';
export {
  type Destination,
  type DispatchHandler,
  type DispatchOptions,
  openedPools,
  openPools,
  type Pools,
} from './pools.js';
export type { RegistryConnected, RegistryRequestSent, WireProtocol } from './registry-client/channels.js';
export { createRegistryClient } from './registry-client/client.js';
export { ListReader } from './registry-client/list-reader.js';
export { REGISTRY_CLIENT_DEFAULTS } from './registry-client/options.js';
export { partsOf } from './registry-client/parts.js';
export { nextTurn } from './registry-client/turn.js';
export type {
  ConnectionOptions,
  RegistryAnswer,
  RegistryClient,
  RegistryClientLimits,
  RegistryClientOptions,
  RegistryRequest,
  TlsMaterial,
} from './registry-client/types.js';
export { parseRetryAfter } from './retry-after.js';
export type { NodeServer } from './shutdown/leaving-server.js';
export {
  GRACEFUL_SHUTDOWN_DEFAULTS,
  type GracefulShutdownOptions,
  type ShutdownHook,
} from './shutdown/options.js';
export { stallSafeTimer } from './stall-safe-timer.js';
export { TokenBucket } from './token-bucket.js';
