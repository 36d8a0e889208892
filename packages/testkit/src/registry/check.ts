import type { Capabilities } from '@crowfly/core';
import { Breach, type Rule } from './rules.js';
import type { Stage } from './stage.js';
import type { Ability, RegistryHarness } from './types.js';

/** What a check needs of the backend (an {@link Ability}), or of the adapter's `supports`. */
export type Need = Ability | `supports.${'unknown' | 'resync' | 'silenceMs' | 'credentials'}`;

/** One test of the suite. */
export interface Check {
  readonly rule: Rule;
  /** What a user of the adapter gets. */
  readonly title: string;
  readonly needs?: readonly Need[];
  /** Instances that a service must be able to have. Default 1. */
  readonly instances?: number;
  /** @returns why there was nothing to check after all */
  // biome-ignore lint/suspicious/noConfusingVoidType: most checks return nothing
  run(stage: Stage): Promise<string | void>;
}

/** Abilities that are a function of the harness, and the others that come with it. */
const FUNCTIONS = {
  fail: ['fail', 'heal'],
  malformedEntry: ['malformedEntry'],
  malformedWhole: ['malformedWhole', 'heal'],
  cut: ['cut'],
  freeze: ['freeze', 'heal'],
  rotateCredentials: ['rotateCredentials'],
  deny: ['deny', 'heal'],
} as const satisfies Partial<Record<Ability, readonly (keyof RegistryHarness)[]>>;

export const ABILITIES: readonly Ability[] = [
  'change',
  'empty',
  ...(Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[]),
];

/**
 * Why a check does not apply; `undefined`: it does.
 *
 * @throws Breach when a function is missing and no reason is given
 */
export function leftOut(check: Check, harness: RegistryHarness, supports: Capabilities): string | undefined {
  const { maxInstances = Number.POSITIVE_INFINITY, without = {} } = harness;
  const needs = check.needs ?? [];
  const undeclared = needs.find((need) => isSupport(need) && !declared(supports, need));
  if (undeclared !== undefined) return `${undeclared} is not declared`;
  for (const need of needs) {
    if (!isSupport(need) && without[need] !== undefined) return `without ${need}: ${without[need]}`;
  }
  for (const need of needs) {
    if (!isSupport(need)) demand(check.rule, need, harness);
  }
  if ((check.instances ?? 1) > maxInstances) return `maxInstances is ${maxInstances}`;
  return undefined;
}

function isSupport(need: Need): need is Exclude<Need, Ability> {
  return need.startsWith('supports.');
}

function declared(supports: Capabilities, need: Exclude<Need, Ability>): boolean {
  const value = supports[need.slice('supports.'.length) as keyof Capabilities];
  return value !== undefined && value !== false;
}

function demand(rule: Rule, need: Ability, harness: RegistryHarness): void {
  const names = need in FUNCTIONS ? FUNCTIONS[need as keyof typeof FUNCTIONS] : [];
  const missing = names.filter((name) => typeof harness[name] !== 'function');
  if (missing.length === 0) return;
  throw new Breach(
    rule,
    `cannot be checked: setup() gave no ${missing.map((name) => `${name}()`).join(' and no ')}`,
    `Provide ${missing.length > 1 ? 'them' : 'it'}, or say why this backend cannot do it: without: { ${need}: '<the reason>' }`,
  );
}
