import type { Kubernetes } from '@crowfly/servers';
import { progress, type Result, result } from '../lib/report.js';
import { Child } from './child.js';
import { addressOf, createSlice, pod, type SliceSetting, writeSlice } from './setting.js';
import { median, percentile } from './stats.js';

const CHANGES = 1_000;
const FLIPS = 200;
const GOAL_MS = 50;
const WHO = ['crowfly-watcher', 'bare-watcher'] as const;

/** What a watcher says of each set it sees. `at` is in milliseconds of the machine's monotonic clock, as is {@link now}. */
interface Seen {
  readonly at: number;
  readonly zone: string;
  readonly ready: number;
}

/** One write: when each of {@link WHO} saw it, counted from before it was sent and from its answer. */
interface Observed {
  readonly fromSent: readonly number[];
  readonly fromAnswer: readonly number[];
}

/** The same in all processes of a machine. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** From the write of a slice, and from a readiness probe's result, to the first pick that sees it. */
export async function measureLatency(cluster: Kubernetes): Promise<Result[]> {
  return [...(await measureWrites(cluster)), ...(await measureFlips(cluster))];
}

async function measureWrites(cluster: Kubernetes): Promise<Result[]> {
  const namespace = 'writes';
  const { env } = await pod(cluster, namespace);
  await cluster.service(namespace, 'orders', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
  const addresses = Array.from({ length: 10 }, (_, n) => addressOf(n));
  const slice = (zone: string): SliceSetting => {
    return { namespace, service: 'orders', name: 'orders-1', addresses, zone };
  };
  await createSlice(cluster, slice('z-start'));
  const children = WHO.map((program) => new Child(program, { args: ['orders'], env }));
  await Promise.all(children.map((child) => child.until<Seen>(({ zone }) => zone === 'z-start')));
  const kept: Observed[] = [];
  const removed: Observed[] = [];
  for (let n = 0; n < CHANGES; n++) {
    if (n % 50 === 0) progress(`writes of a slice: ${n} of ${CHANGES} ...`);
    // In turn: facts change; an instance joins too; one leaves too.
    if (n % 3 === 1) addresses.push(addressOf(100 + n));
    if (n % 3 === 2) addresses.splice(n % 10, 1);
    const observed = await observe(
      children,
      () => writeSlice(cluster, slice(`z-${n}`)),
      ({ zone }) => zone === `z-${n}`,
    );
    (n % 3 === 2 ? removed : kept).push(observed);
  }
  await Promise.all(children.map((child) => child.close()));
  return [
    ...told('a slice is written (1,000 times) to the first pick that sees it', [...kept, ...removed], true),
    ...told('the same, writes that take nothing away', kept, false),
    ...told('the same, writes that take an instance away', removed, false),
  ];
}

async function measureFlips(cluster: Kubernetes): Promise<Result[]> {
  const namespace = 'flips';
  const { env } = await pod(cluster, namespace);
  const selector = { app: 'orders' };
  await cluster.service(namespace, 'orders', {
    selector,
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  });
  for (let n = 1; n <= 4; n++)
    await cluster.pod(namespace, `orders-${n}`, { labels: selector, ip: addressOf(n) });
  const children = WHO.map((program) => new Child(program, { args: ['orders'], env }));
  await Promise.all(children.map((child) => child.until<Seen>(({ ready }) => ready === 4)));
  const flips: Observed[] = [];
  for (let n = 0; n < FLIPS; n++) {
    if (n % 10 === 0) progress(`readiness flips: ${n} of ${FLIPS} ...`);
    const ready = n % 2 === 1;
    const expected = ready ? 4 : 3;
    flips.push(
      await observe(
        children,
        () => cluster.ready(namespace, 'orders-1', ready),
        (seen) => seen.ready === expected,
      ),
    );
  }
  await Promise.all(children.map((child) => child.close()));
  const on = flips.filter((_, n) => n % 2 === 1);
  const off = flips.filter((_, n) => n % 2 === 0);
  return [
    ...told('readiness flips (200), through the controller', flips, false),
    ...told('the same, flips to ready', on, false),
    ...told('the same, flips to not ready', off, false),
  ];
}

async function observe(
  children: readonly Child[],
  write: () => Promise<void>,
  fits: (seen: Seen) => boolean,
): Promise<Observed> {
  const sent = now();
  await write();
  const answered = now();
  const seen = await Promise.all(children.map((child) => child.until(fits)));
  return {
    fromSent: seen.map(({ at }) => at - sent),
    fromAnswer: seen.map(({ at }) => at - answered),
  };
}

function told(name: string, observed: readonly Observed[], judged: boolean): Result[] {
  const rows: Result[] = [];
  for (const [from, key] of [
    ['', 'fromAnswer'],
    [', counted from before the request', 'fromSent'],
  ] as const) {
    const of = (who: number): number[] => observed.map((one) => one[key][who] ?? Number.NaN);
    const row = (what: string, figure: (list: readonly number[]) => number, goal: boolean): Result =>
      result(`${name}${from}: ${what}`, figure(of(0)), 'ms', {
        goal: goal ? ['<=', GOAL_MS] : undefined,
        peers: { 'bare watch': Number(figure(of(1)).toFixed(2)) },
      });
    rows.push(
      row('p50', median, false),
      row('p99', (list) => percentile(list, 0.99), judged),
    );
  }
  return rows;
}
