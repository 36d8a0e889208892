export {
  type Behaviour,
  type CallOptions,
  CrowflyError,
  DEFAULTS,
  type DiscoveryHealth,
  type Endpoint,
  type ErrorCode,
  type EventName,
  type Events,
  type Explanation,
  isCrowflyError,
  type Lease,
  type Logger,
  type RegisterOptions,
  type Registration,
  type RegistrationState,
  type RegistryFactory,
  type ServiceOptions,
  type Snapshot,
  type Strategy,
} from '@crowfly/core';
export {
  GRACEFUL_SHUTDOWN_DEFAULTS,
  type GracefulShutdown,
  type GracefulShutdownOptions,
  gracefulShutdown,
  type NodeServer,
  type ShutdownHook,
  type ShutdownReport,
  type ShutdownState,
} from '@crowfly/http';
export { leastRequest, peakEwma, random, roundRobin, weightedRoundRobin } from '@crowfly/strategies';
export { createDiscovery, type Discovery, type DiscoveryOptions } from './create-discovery.js';
