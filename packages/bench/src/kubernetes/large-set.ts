import type { Kubernetes } from '@crowfly/servers';
import { progress, type Result, result } from '../lib/report.js';
import { Child } from './child.js';
import { addressOf, createSlice, pod, type SliceSetting, writeSlice } from './setting.js';
import { median, worst } from './stats.js';

const SLICES = 100;
const PER_SLICE = 100;
/** Fresh processes, and changes seen by each of them. */
const PROCESSES = 5;
const CHANGES = 10;
/** Changes before those: their code is run by the interpreter, as it has hardly been run before. */
const COLD_CHANGES = 3;
const FIRST_GOAL_MS = 50;
const CHANGE_GOAL_MS = 5;

/** By the wall, and what of it this process was really running: see programs/loop.mjs. */
interface Block {
  readonly ms: number;
  readonly cpuMs: number;
}

interface First {
  readonly endpoints: number;
  readonly readyMs: number;
  readonly block: Block;
  /** The same ladder over half a second in which nothing happens. */
  readonly floor: Block;
  readonly heapMb: number;
  readonly rssMb: number;
  readonly peakMb: number;
}

/** 10,000 endpoints: the first set in fresh processes, and then changes of a slice. */
export async function measureLargeSet(cluster: Kubernetes): Promise<Result[]> {
  const namespace = 'large';
  const { env } = await pod(cluster, namespace);
  await cluster.service(namespace, 'orders', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
  const slice = (at: number, zone: string): SliceSetting => ({
    namespace,
    service: 'orders',
    name: `orders-${String(at).padStart(3, '0')}`,
    addresses: Array.from({ length: PER_SLICE }, (_, n) => addressOf(at * PER_SLICE + n)),
    zone,
  });
  for (let at = 0; at < SLICES; at++) {
    if (at % 10 === 0) progress(`writing ${SLICES} slices of ${PER_SLICE} endpoints ...`);
    await createSlice(cluster, slice(at, 'zone-a'));
  }
  const first: First[] = [];
  const changes: Block[] = [];
  const cold: Block[] = [];
  const official: Omit<First, 'floor'>[] = [];
  for (let run = 0; run < PROCESSES; run++) {
    progress(`first set of 10,000, and changes: process ${run + 1} of ${PROCESSES} ...`);
    const child = new Child('large-set', { env, node: ['--expose-gc'] });
    first.push(whole(await child.until<First>()));
    for (let n = 0; n < COLD_CHANGES + CHANGES; n++) {
      await child.ask({});
      await writeSlice(cluster, slice((run * CHANGES + n * 7) % SLICES, `z-${run}-${n}`));
      const { block } = await child.until<{ block: Block }>();
      (n < COLD_CHANGES ? cold : changes).push(block);
    }
    await child.close();
    const peer = new Child('large-set-official', { env, node: ['--expose-gc'] });
    official.push(whole(await peer.until<First>()));
    await peer.close();
  }
  return [...firstRows(first, official), ...changeRows(changes, cold)];
}

function whole<T extends Pick<First, 'endpoints'>>(first: T): T {
  if (first.endpoints === SLICES * PER_SLICE) return first;
  throw new Error(`the first set has ${first.endpoints} endpoints: not all ${SLICES * PER_SLICE}`);
}

function firstRows(first: readonly First[], official: readonly Omit<First, 'floor'>[]): Result[] {
  const row = (
    what: string,
    figure: (one: Omit<First, 'floor'>) => number,
    unit: string,
    over: (list: readonly number[]) => number = median,
    goal?: number,
  ): Result =>
    result(`first set of 10,000 in a fresh process: ${what}`, over(first.map(figure)), unit, {
      goal: goal === undefined ? undefined : ['<=', goal],
      peers: { 'official informer': Number(over(official.map(figure)).toFixed(1)) },
    });
  const floor = first.map((one) => one.floor);
  return [
    row('from the watch to ready', (one) => one.readyMs, 'ms'),
    row('event loop blocked', ({ block }) => block.ms, 'ms', median, FIRST_GOAL_MS),
    row('event loop blocked, worst process', ({ block }) => block.ms, 'ms', worst),
    row('event loop blocked, processor time', ({ block }) => block.cpuMs, 'ms'),
    row(
      'event loop blocked, processor time, worst process',
      ({ block }) => block.cpuMs,
      'ms',
      worst,
      FIRST_GOAL_MS,
    ),
    result('the same ladder with nothing happening', median(floor.map(({ ms }) => ms)), 'ms'),
    result('the same ladder with nothing happening, worst process', worst(floor.map(({ ms }) => ms)), 'ms'),
    row('growth of the heap', ({ heapMb }) => heapMb, 'MB'),
    row('growth of RSS', ({ rssMb }) => rssMb, 'MB'),
    row('growth of RSS at its peak', ({ peakMb }) => peakMb, 'MB'),
  ];
}

function changeRows(changes: readonly Block[], cold: readonly Block[]): Result[] {
  const name = 'one of 100 slices changed (100 endpoints), 50 times: event loop blocked';
  const wall = changes.map(({ ms }) => ms);
  const cpu = changes.map(({ cpuMs }) => cpuMs);
  return [
    result(`${name}, median`, median(wall), 'ms', { goal: ['<=', CHANGE_GOAL_MS] }),
    result(`${name}, worst`, worst(wall), 'ms'),
    result(`${name}, processor time, median`, median(cpu), 'ms', { goal: ['<=', CHANGE_GOAL_MS] }),
    result(`${name}, processor time, worst`, worst(cpu), 'ms'),
    result(
      `the first ${COLD_CHANGES} such changes of a process: processor time, median`,
      median(cold.map(({ cpuMs }) => cpuMs)),
      'ms',
    ),
  ];
}
