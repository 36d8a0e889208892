import { VirtualClock } from '@crowfly/core/testing';
import type { Check } from '../check.js';
import { difference } from '../instances.js';
import { Breach } from '../rules.js';
import type { Stage } from '../stage.js';
import { pass } from '../wait.js';
import { type Followed, openEngine } from './engine.js';

/** Requests that may follow one event before the adapter or the core has to pause: a resync, each other server once. */
const BURST = 10;
const WINDOW_MS = 10_000;
/** Steps of virtual time, each with a breath of real time for real I/O: as many requests as steps can be seen. */
const STEP_MS = 25;
const BREATH_MS = 1;
/** How long a set may take to come back: the core waits up to 30 s after a long failure. */
const RETURN_MS = 60_000;
const PACE =
  'Pause between requests with the clock of the factory context; where the backend fails, throw and let the core wait';

/**
 * Rule 10, under the real core with a clock that stands still unless it is moved: an adapter that paces itself with
 * anything else, or not at all, shows at once; and ten seconds of storm take one.
 */
export const rateChecks: readonly Check[] = [
  {
    rule: 10,
    title: 'no request without a pause, and few in times of trouble, under the core',
    async run(stage) {
      const clock = new VirtualClock();
      const instances = stage.instances(1);
      const service = await stage.populated(instances);
      const { engine, follow } = openEngine(stage, clock);
      try {
        const followed = follow(service);
        await untilReady(stage, clock, followed, 'the first set');
        const idle = await measure(stage, clock, followed, 'while nothing happened');
        const storms = stormsOf(stage);
        for (const [name, begin] of storms) {
          await begin();
          const during = await measure(stage, clock, followed, `in the storm '${name}'`);
          const allowed = BURST + (stage.limits.maxRequestsPerSecond * WINDOW_MS) / 1000 + idle;
          if (during > allowed)
            throw tooMany(
              `${during} requests in ${WINDOW_MS / 1000} s in the storm '${name}' (at most ${allowed})`,
            );
          await stage.harness.heal?.();
          await stage.put(service, instances);
          await untilReady(stage, clock, followed, `the set after the storm '${name}'`);
        }
        note(
          stage,
          storms.map(([name]) => name),
        );
      } finally {
        await engine.close();
      }
      if (clock.pending > 0)
        throw new Breach(
          7,
          `${clock.pending} timers are left after close()`,
          'Cancel every timer when feed.signal aborts',
        );
    },
  },
];

function stormsOf(stage: Stage): [string, () => Promise<void> | void][] {
  const { fail, storms = {}, without = {} } = stage.harness;
  if (fail === undefined && without.fail === undefined) {
    throw new Breach(
      10,
      'cannot be checked: setup() gave no fail()',
      "Provide it, or say why this backend cannot fail: without: { fail: '<the reason>' }",
    );
  }
  return Object.entries(fail === undefined ? storms : { fail: () => stage.harness.fail?.(), ...storms });
}

function note(stage: Stage, storms: readonly string[]): void {
  const seen = stage.harness.requests !== undefined || stage.requests > 0;
  if (!seen)
    stage.notes.push(
      'rule 10: the kit saw no request of this adapter and counted watches alone; give setup().requests',
    );
  stage.notes.push(
    `rule 10: storms tried: ${storms.length > 0 ? storms.join(', ') : 'none, only an idle watch'}`,
  );
}

/** Requests in a window of virtual time; and before that, none to speak of while the clock stands still. */
async function measure(stage: Stage, clock: VirtualClock, followed: Followed, when: string): Promise<number> {
  const count = (): number => Math.max(stage.requests - requests, followed.watches() - watches);
  const requests = stage.requests;
  const watches = followed.watches();
  await stage.quiet();
  if (count() > BURST) throw tooMany(`${count()} requests ${when}, with the injected clock standing still`);
  for (let step = 0; step < WINDOW_MS / STEP_MS; step++) {
    await clock.advance(STEP_MS);
    await pass(BREATH_MS);
  }
  return count();
}

async function untilReady(
  stage: Stage,
  clock: VirtualClock,
  followed: Followed,
  what: string,
): Promise<void> {
  const wanted = stage.instances(1);
  const end = performance.now() + stage.limits.timeoutMs;
  const virtualEnd = clock.now() + RETURN_MS;
  for (;;) {
    const snapshot = followed.snapshot();
    if (snapshot.status === 'ready' && difference(snapshot.endpoints, wanted, stage.supports) === undefined)
      return;
    if (performance.now() >= end && clock.now() >= virtualEnd) {
      throw new Breach(
        10,
        `${what} did not come under the core (its status is '${snapshot.status}')`,
        'Let each watch start from nothing, and deliver the set',
      );
    }
    // Twenty times real time: fast enough for the core's backoff, slow enough for an adapter's own time limits.
    await clock.advance(100);
    await pass(5);
  }
}

function tooMany(what: string): Breach {
  return new Breach(10, what, PACE);
}
