export type { Ability, RegistryConformanceOptions, RegistryHarness } from './registry/types.js';
