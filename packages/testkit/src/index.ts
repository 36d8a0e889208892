export { CONFORMANCE_DEFAULTS, registryConformance } from './registry/conformance.js';
export { Breach, RULES, type Rule } from './registry/rules.js';
export type { Ability, RegistryConformanceOptions, RegistryHarness } from './registry/types.js';
export {
  type ScriptedInstance,
  type ScriptedRegistry,
  type ScriptedRegistryOptions,
  scriptedRegistry,
} from './scripted-registry.js';
export { strategyConformance } from './strategy/conformance.js';
export type { StrategyConformanceOptions } from './strategy/options.js';
export { type TestCall, type TestCallOptions, testCall } from './strategy/test-call.js';
export { type TestMember, type TestMemberOptions, type TestPool, testPool } from './strategy/test-pool.js';
