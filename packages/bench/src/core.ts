// npm run bench -- core [--json]: what the engine costs beyond a transport, and what large sets of instances cost.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Answer,
  type Attempt,
  createEngine,
  type Endpoint,
  type Engine,
  type Feed,
  type Registry,
  type Strategy,
  type Transport,
} from '@crowfly/core';
import { progress, type Result, report, result } from './lib/report.js';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

/** What it costs when nothing else runs on the machine: other programs only ever add time. */
const quickest = (list: readonly number[]): number => Math.min(...list);

/** The engine's own cost is measured, not a strategy's: the next one in turn. */
const inTurn: Strategy = () => {
  let eligible: readonly Parameters<ReturnType<Strategy>['update']>[0]['members'][number][] = [];
  let next = 0;
  return {
    update(pool) {
      eligible = pool.eligible;
    },
    pick: () => eligible[next++ % eligible.length],
  };
};

/** Frozen, as adapters of ours publish them. */
const instances = (count: number, from = 0): Endpoint[] =>
  Array.from({ length: count }, (_, index) =>
    Object.freeze({
      id: `pod-${from + index}`,
      host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      port: 8080,
      zone: `eu-1${'abc'[index % 3]}`,
      metadata: Object.freeze({ version: '1.4.2', app: 'orders' }),
    }),
  );

/** An engine whose registry publishes when told to. */
function serving(): { engine: Engine; publish(endpoints: readonly Endpoint[]): void } {
  let feed: Feed | undefined;
  const registry: Registry = {
    kind: 'bench',
    id: 'bench:',
    supports: { unknown: true },
    locate: () => ({ key: 'orders' }),
    watch(_, theFeed) {
      feed = theFeed;
      return new Promise((resolve) =>
        theFeed.signal.addEventListener('abort', () => resolve(), { once: true }),
      );
    },
  };
  const engine = createEngine(inTurn, { registry: () => registry, logger: false, env: false });
  engine.watch('orders', () => {});
  return { engine, publish: (endpoints) => feed?.publish(endpoints) };
}

const answer: Answer<number> = { value: 42, status: 200, discard() {} };

const transport: Transport<number> = {
  send(attempt: Attempt) {
    attempt.onAbort(nothing);
    attempt.lease.responded(200);
    attempt.lease.done(ANSWERED);
    return Promise.resolve(answer);
  },
  classify: () => 'no-answer',
};
const ANSWERED = { kind: 'answered' } as const;
function nothing(): void {}

/** The same transport without an engine. */
const lease = { responded: nothing, done: nothing, progress: nothing, purpose: 'call' } as const;
const endpoint = instances(1)[0] as Endpoint;
async function bare(): Promise<number> {
  const attempt: Attempt = {
    lease: { ...lease, endpoint },
    endpoint,
    number: 0,
    connectMs: 1000,
    onAbort: nothing,
  };
  return (await transport.send(attempt)).value;
}

const CALLS = 2_000;
/** So few that what they allocate fits without a collection in between. */
const WEIGHED = 300;

/** Microseconds and bytes of one call: the quickest of many rounds, and the usual garbage. */
async function cost(
  call: () => Promise<unknown>,
  rounds: number,
): Promise<{ micros: number; bytes: number }> {
  const micros: number[] = [];
  const bytes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    for (let n = 0; n < CALLS; n++) await call();
    micros.push(((performance.now() - started) * 1000) / CALLS);
    collect();
    const used = process.memoryUsage().heapUsed;
    for (let n = 0; n < WEIGHED; n++) await call();
    bytes.push((process.memoryUsage().heapUsed - used) / WEIGHED);
  }
  return { micros: quickest(micros), bytes: median(bytes) };
}

async function measureCalls(): Promise<Result[]> {
  const results: Result[] = [];
  const without = await cost(bare, 40);
  for (const count of [10, 10_000]) {
    const { engine, publish } = serving();
    publish(instances(count));
    await engine.instances('orders');
    const route = engine.route(new URL('http://orders/'));
    if (route === undefined) throw new Error('orders is no service');
    const request = { idempotent: true, replayable: true };
    const ways: Record<string, object> = {
      '': {},
      ', with a signal': { signal: new AbortController().signal },
    };
    for (const [name, more] of Object.entries(ways)) {
      progress(`one call, ${count} instances${name} ...`);
      const { micros, bytes } = await cost(() => engine.call(route, { ...request, ...more }, transport), 40);
      const what = `one call beyond its transport, ${count} instances${name}`;
      results.push(
        result(what, micros - without.micros, 'us', { peers: { 'transport alone': without.micros } }),
      );
      results.push(result(`${what}: garbage`, bytes - without.bytes, 'bytes'));
    }
    await engine.close();
  }
  return results;
}

/** How long one publish keeps the event loop, where it is one synchronous piece. */
function block(publish: (endpoints: readonly Endpoint[]) => void, endpoints: readonly Endpoint[]): number {
  const started = performance.now();
  publish(endpoints);
  return performance.now() - started;
}

/** The longest piece of a publish that is taken over in several. */
async function longestPiece(
  { engine, publish }: ReturnType<typeof serving>,
  endpoints: readonly Endpoint[],
): Promise<number> {
  let taken = false;
  const stop = engine.on('snapshot', () => {
    taken = true;
  });
  let longest = 0;
  let at = performance.now();
  publish(endpoints);
  for (;;) {
    const now = performance.now();
    longest = Math.max(longest, now - at);
    if (taken) break;
    at = now;
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop();
  return longest;
}

/** In processes of their own, which have done nothing before: what a service feels that has just started. */
function coldBlocks(count: number): number[] {
  const script = fileURLToPath(new URL('core/first-set.mjs', import.meta.url));
  return Array.from({ length: 12 }, (_, round) => {
    progress(`a first set of ${count} instances, cold, ${round + 1} of 12 ...`);
    return Number(execFileSync(process.execPath, [script, String(count)], { encoding: 'utf8' }));
  });
}

/** Of a slice of 100 in the middle: 40 have other facts, 30 are gone, 30 are new. The rest are the same objects. */
function withChangedSlice(set: readonly Endpoint[], round: number): Endpoint[] {
  const at = 3_000 + round * 200;
  const changed = set.slice(at, at + 40).map((one) => Object.freeze({ ...one, weight: 2 }));
  const fresh = instances(30, 100_000 + round * 100);
  return [...set.slice(0, at), ...changed, ...fresh, ...set.slice(at + 70)];
}

async function measureSets(): Promise<Result[]> {
  const times: Record<'first' | 'slice' | 'rebuilt' | 'unchanged', number[]> = {
    first: [],
    slice: [],
    rebuilt: [],
    unchanged: [],
  };
  for (let round = 0; round < 15; round++) {
    progress(`sets of 10,000 instances, ${round + 1} of 15 ...`);
    const served = serving();
    const { engine, publish } = served;
    let set = instances(10_000);
    collect();
    times.first.push(await longestPiece(served, set));
    for (let step = 0; step < 5; step++) {
      set = withChangedSlice(set, step);
      times.slice.push(block(publish, set));
    }
    const rebuilt = set.map((one) => ({ ...one, metadata: { ...one.metadata } }));
    rebuilt[5_000] = { ...rebuilt[5_000], weight: 3 } as (typeof rebuilt)[0];
    collect();
    times.rebuilt.push(await longestPiece(served, rebuilt));
    await longestPiece(served, set);
    times.unchanged.push(block(publish, [...set]));
    await engine.close();
  }
  return [
    result('first set of 10,000: event loop blocked, in a cold process', quickest(coldBlocks(10_000)), 'ms', {
      peers: { promise: 50 },
    }),
    result('first set of 10,000: event loop blocked', quickest(times.first), 'ms', {
      peers: { promise: 50 },
    }),
    result('a slice of 100 of 10,000 changed, other entries kept', quickest(times.slice), 'ms', {
      peers: { promise: 3 },
    }),
    result('one change of 10,000, all entries built anew', quickest(times.rebuilt), 'ms'),
    result('an unchanged set of 10,000', quickest(times.unchanged), 'ms'),
  ];
}

const results = [...(await measureSets()), ...(await measureCalls())];
progress('');
report(results, { json: values.json });
