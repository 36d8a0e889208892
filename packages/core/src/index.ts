export type { Answer, Attempt, Failure, Lease, Outcome, Purpose, Transport } from './contract/call.js';
export type { Clock, Timer } from './contract/clock.js';
export type { Endpoint, Protocol } from './contract/endpoint.js';
export type { Health, Instance, Io, Liveness, Registrar, Standing } from './contract/registrar.js';
export type {
  Capabilities,
  Feed,
  Problem,
  Registry,
  RegistryContext,
  RegistryFactory,
  Self,
  ServiceRef,
  Target,
  UrlTarget,
} from './contract/registry.js';
export type { Snapshot } from './contract/snapshot.js';
export type { Balancer, Call, Member, Pool, Strategy, StrategyContext } from './contract/strategy.js';
export type {
  AcquireOptions,
  Behaviour,
  CallOptions,
  CallRequest,
  EjectionOptions,
  Engine,
  EngineOptions,
  Explanation,
  GuardOptions,
  InstanceExplanation,
  Limits,
  RetryOptions,
  Route,
  ServiceOptions,
  Timeouts,
} from './engine/api.js';
export { DEFAULTS } from './engine/defaults.js';
export type { DiscoveryHealth, RegistrationHealth, ServiceHealth } from './engine/discovery-health.js';
export { createEngine } from './engine/engine.js';
export type { ConnectProbe, Reach } from './engine/health.js';
export type {
  CheckOptions,
  RegisterOptions,
  Registration,
  RegistrationState,
} from './engine/registration/api.js';
export { sameEndpoint } from './engine/same-endpoint.js';
export { checkCallOptions } from './engine/settings.js';
export { sleep, systemClock } from './engine/system-clock.js';
export { consoleLogger } from './engine/warnings.js';
export { CrowflyError, describeError, type ErrorCode, type ErrorDetails, isCrowflyError } from './errors.js';
export type { EventName, Events, Listener, Logger } from './events.js';
export { checkServiceName, isAddress, nameFault, overrideVariable } from './names.js';
export { type Check, check, checkOptions, kindOf, suggest } from './options.js';
export { hasControl, printable } from './text.js';
