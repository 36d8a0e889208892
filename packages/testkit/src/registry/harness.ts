import { CrowflyError, check, checkOptions } from '@crowfly/core';
import { ABILITIES } from './check.js';
import type { RegistryHarness } from './types.js';

const ALWAYS = ['factory', 'put', 'remove'] as const;
const OPTIONAL = [
  'malformedEntry',
  'cut',
  'rotateCredentials',
  'heal',
  'targets',
  'requests',
  'close',
] as const;
/** Those that `heal` must end. */
const BREAKING = ['fail', 'malformedWhole', 'freeze', 'deny'] as const;

/** @throws CrowflyError `bad-option` for what `setup()` returned and the kit cannot use */
export function checkHarness(harness: RegistryHarness): void {
  checkOptions('setup()', harness, {
    ...Object.fromEntries([...ALWAYS, ...OPTIONAL, ...BREAKING].map((key) => [key, check.function])),
    storms: check.table(check.function),
    port: check.integer(1, 65_535),
    maxInstances: check.integer(1),
    secrets: check.list(check.string),
    without: check.object(Object.fromEntries(ABILITIES.map((ability) => [ability, check.string]))),
  });
  for (const key of ALWAYS) check.function(harness[key], `setup().${key}`);
  const breaking = [...BREAKING, 'storms' as const].find((key) => harness[key] !== undefined);
  if (breaking !== undefined && harness.heal === undefined) {
    throw bad('heal', `is missing: it ends what ${breaking} begins`);
  }
  for (const ability of ABILITIES) {
    if (harness.without?.[ability] !== undefined && harness[ability as keyof RegistryHarness] !== undefined) {
      throw bad(`without.${ability}`, `contradicts setup().${ability}: keep one of them`);
    }
  }
}

function bad(key: string, text: string): CrowflyError {
  const path = `setup().${key}`;
  return new CrowflyError('bad-option', `${path} ${text}`, { path });
}
