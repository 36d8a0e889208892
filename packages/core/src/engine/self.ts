import type { Self } from '../contract/registry.js';
import { HOST_VARIABLE } from './registration/find-host.js';

/** Where deployments that only set variables say who and where a process is. */
const VARIABLES = {
  service: 'CROWFLY_SELF_SERVICE',
  zone: 'CROWFLY_SELF_ZONE',
  node: 'CROWFLY_SELF_NODE',
} as const satisfies Record<keyof Self, string>;

/** No overrides of services that are called `self-zone` and the like, as every other `CROWFLY_...` is. */
export const SELF_VARIABLES: ReadonlySet<string> = new Set([...Object.values(VARIABLES), HOST_VARIABLE]);

/** Who is calling: what the options say, else the environment, field by field. */
export function resolveSelf(self: Self = {}, env: Readonly<Record<string, string | undefined>>): Self {
  const facts: { -readonly [K in keyof Self]: string } = {};
  for (const [field, variable] of Object.entries(VARIABLES) as [keyof Self, string][]) {
    const value = self[field] ?? env[variable];
    if (value) facts[field] = value;
  }
  return Object.freeze(facts);
}
