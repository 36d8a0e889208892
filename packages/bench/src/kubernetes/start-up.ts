import type { Kubernetes } from '@crowfly/servers';
import { progress, type Result, result } from '../lib/report.js';
import { Child } from './child.js';
import { addressOf, createSlice, pod } from './setting.js';
import { median, worst } from './stats.js';

const RUNS = 9;
const GOAL = { ms: 60, mb: 15 };

/** Since the process began, and what it held, at the end of the program. */
interface Cost {
  readonly ms: number;
  /** Processor time of all its threads: other programs do not add to it. */
  readonly cpuMs: number;
  readonly mb: number;
  /** Modules that no program needs before its first call. */
  readonly early: readonly string[];
}

const PROGRAMS = ['start-bare', 'start-import', 'start', 'start-official-import', 'start-official'] as const;
type Program = (typeof PROGRAMS)[number];

/** What a service pays at its start, in a pod, beyond a bare Node process. The programs take turns. */
export async function measureStartUp(cluster: Kubernetes): Promise<Result[]> {
  const namespace = 'start';
  const { env } = await pod(cluster, namespace);
  await cluster.service(namespace, 'orders', { ports: [{ name: 'http', port: 80, targetPort: 8080 }] });
  const addresses = [1, 2, 3].map(addressOf);
  await createSlice(cluster, { namespace, service: 'orders', name: 'orders-1', addresses, zone: 'zone-a' });
  const costs = new Map<Program, Cost[]>(PROGRAMS.map((program) => [program, []]));
  // The first round fills the system's caches.
  for (let run = -1; run < RUNS; run++) {
    progress(`import and first set: round ${run + 1} of ${RUNS} ...`);
    for (const program of PROGRAMS) {
      const child = new Child(program, { env });
      const cost = await child.until<Cost>();
      await child.close();
      if (run >= 0) costs.get(program)?.push(cost);
    }
  }
  const of = (program: Program, key: 'ms' | 'cpuMs' | 'mb', over = median): number =>
    over((costs.get(program) ?? []).map((cost) => cost[key])) -
    median((costs.get('start-bare') ?? []).map((cost) => cost[key]));
  const early = new Set(costs.get('start')?.flatMap((cost) => cost.early));
  const row = (
    name: string,
    ours: Program,
    peer: Program,
    key: 'ms' | 'cpuMs' | 'mb',
    goal?: number,
  ): Result =>
    result(name, of(ours, key), key === 'mb' ? 'MB' : 'ms', {
      goal: goal === undefined ? undefined : ['<=', goal],
      peers: { 'official informer': Math.round(of(peer, key)) },
    });
  const whole = 'import and first set in a pod, above a bare process';
  return [
    row('import alone, above a bare process', 'start-import', 'start-official-import', 'ms'),
    row('import alone, above a bare process: RSS', 'start-import', 'start-official-import', 'mb'),
    row(whole, 'start', 'start-official', 'ms', GOAL.ms),
    row(`${whole}: processor time`, 'start', 'start-official', 'cpuMs'),
    row(`${whole}: RSS`, 'start', 'start-official', 'mb', GOAL.mb),
    result(`${whole}, worst of ${RUNS}`, of('start', 'ms', worst), 'ms'),
    result(`${whole}: RSS, worst of ${RUNS}`, of('start', 'mb', worst), 'MB'),
    result(
      `${whole}: modules of the calls' transport loaded (${[...early].join(', ') || 'none'})`,
      early.size,
      '',
      {
        goal: ['<=', 0],
      },
    ),
  ];
}
