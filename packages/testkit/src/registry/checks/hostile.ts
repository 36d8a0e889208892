import type { Endpoint } from '@crowfly/core';
import type { Check } from '../check.js';
import { judgeError } from '../errors.js';
import { essence } from '../instances.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import { type Followed, openEngine } from './engine.js';
import { HOSTILITIES, type Hostility } from './hostilities.js';

/** Most instances that the flood test puts. */
const FLOOD = 20_000;

/** Rule 11, through the core's gate: what the adapter lets through, that must catch. */
export const hostileChecks: readonly Check[] = [
  ...HOSTILITIES.map(
    (hostility): Check => ({
      rule: 11,
      title: hostility.title,
      instances: 3,
      run: (stage) => survives(stage, hostility),
    }),
  ),
  {
    rule: 11,
    title: `as many instances as a service can have (at most ${FLOOD})`,
    async run(stage) {
      const count = Math.min(FLOOD, stage.harness.maxInstances ?? 0);
      if (count <= stage.several) return 'give setup().maxInstances (above 50) to have a service filled';
      const all = stage.instances(count);
      await stage.watch(await stage.populated(all)).set(11, all, 'Read large answers whole');
      return undefined;
    },
  },
];

/** @returns why there was nothing to try */
async function survives(stage: Stage, { title, make }: Hostility): Promise<string | undefined> {
  const good = stage.instances(2);
  const third = stage.instances(1, 2)[0] as Endpoint;
  let tried = 0;
  for (const bad of make(third)) {
    const service = stage.name();
    try {
      await stage.put(service, [good[0] as Endpoint, bad, good[1] as Endpoint]);
      tried++;
    } catch {
      await stage.harness.remove(service);
      continue;
    }
    await survivesOne(stage, service, good, title);
  }
  return tried === 0 ? 'put() refuses it' : undefined;
}

async function survivesOne(
  stage: Stage,
  service: string,
  good: readonly Endpoint[],
  what: string,
): Promise<void> {
  let opened: ReturnType<typeof openEngine>;
  try {
    opened = openEngine(stage);
  } catch (error) {
    // A list that is given as an option may be refused as one.
    judgeError(11, error, `with ${what}`);
    await stage.harness.remove(service);
    return;
  }
  try {
    const followed = opened.follow(service);
    await spoken(stage, followed, what);
    unharmed(stage, followed, good, what);
    await stage.harness.remove(service);
    if (stage.harness.without?.change === undefined) await stillServes(stage, opened.follow, good, what);
  } finally {
    await opened.engine.close();
  }
}

async function spoken(stage: Stage, followed: Followed, what: string): Promise<void> {
  if (await until(() => followed.snapshot().status !== 'pending', stage.limits.timeoutMs)) return;
  throw new Breach(
    11,
    `${what}: no set and no error within ${stage.limits.timeoutMs} ms`,
    'Skip the entry with a report, or throw an Error',
  );
}

/** The others are there, or there is an error that says why not; and nothing leaked into every object. */
function unharmed(stage: Stage, followed: Followed, good: readonly Endpoint[], what: string): void {
  const { status, ...rest } = followed.snapshot();
  if (restorePrototype()) {
    throw new Breach(
      11,
      `${what}: Object.prototype was changed`,
      'Never copy keys from outside with obj[key] = value; use Object.fromEntries or a Map',
    );
  }
  if (status === 'failed' && 'cause' in rest) {
    judgeError(11, rest.cause, `with ${what}`);
    return;
  }
  if (status === 'unknown')
    throw new Breach(
      11,
      `${what}: the service became unknown`,
      'A bad entry says nothing about the service: skip it, or throw',
    );
  const there = new Set(
    ('endpoints' in rest ? rest.endpoints : []).map((endpoint) => essence(endpoint, stage.supports)),
  );
  const lost = good.filter((endpoint) => !there.has(essence(endpoint, stage.supports)));
  if (lost.length > 0)
    throw new Breach(
      11,
      `${what}: ${lost.length} good instances were lost with the bad one`,
      'Skip only the entry that is bad',
    );
}

const PRISTINE = Object.getOwnPropertyDescriptors(Object.prototype);

/** @returns whether there was something to restore: the next test must not see it */
function restorePrototype(): boolean {
  let changed = false;
  for (const key of Reflect.ownKeys(Object.prototype)) {
    const now = Object.getOwnPropertyDescriptor(Object.prototype, key)?.value;
    const before = (PRISTINE as Record<PropertyKey, PropertyDescriptor>)[key];
    if (before !== undefined && Object.hasOwn(PRISTINE, key) && before.value === now) continue;
    changed = true;
    Reflect.deleteProperty(Object.prototype, key);
    if (before !== undefined && Object.hasOwn(PRISTINE, key))
      Object.defineProperty(Object.prototype, key, before);
  }
  return changed;
}

async function stillServes(
  stage: Stage,
  follow: (service: string) => Followed,
  good: readonly Endpoint[],
  what: string,
): Promise<void> {
  const service = await stage.populated(good);
  const other = follow(service);
  const ready = (): boolean => other.snapshot().status === 'ready';
  if (!(await until(ready, stage.limits.timeoutMs))) {
    throw new Breach(
      11,
      `${what}: afterwards another service could not be watched (its status is '${other.snapshot().status}')`,
      'Keep what one service does away from the others',
    );
  }
}
