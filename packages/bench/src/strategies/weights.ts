import { progress, type Result, result } from '../lib/report.js';
import { normal } from '../simulation/distributions.js';
import { BARE, simulate, type World } from '../simulation/world.js';
import { STRATEGIES, type StrategyName } from './compared.js';

const CALLS = 12_000;
const WORK_MS = 100;
/** Calls in flight per instance, on average. */
const LOADS = [0.1, 1, 10];
/** What an instance of weight 0.5 gets beside others of weight 1 when two are drawn by weight and compared by load alone. */
const UNCORRECTED: Readonly<Record<number, number>> = { 2: 1, 3: 0.61, 4: 0.56, 10: 0.52 };

function world(size: number, load: number): World {
  const rate = (load * (size - 0.5) * 1000) / WORK_MS;
  return {
    rate,
    lengthMs: (CALLS * 1000) / rate,
    behaviour: BARE,
    servers: (random) =>
      Array.from({ length: size }, (_, i) => ({
        id: i === 0 ? 'light' : `full-${i}`,
        weight: i === 0 ? 0.5 : 1,
        work: () => ({ status: 200, ms: Math.max(1, normal(random, WORK_MS, 20)) }),
      })),
  };
}

/** How far the traffic of an instance of weight 0.5 strays from half of the others', whatever the load. */
export async function measureWeights(): Promise<Result[]> {
  const results: Result[] = [];
  for (const name of ['weighted round robin', 'least request', 'peak EWMA'] satisfies StrategyName[]) {
    for (const size of [2, 3, 4, 10]) {
      const got: Record<string, number> = {};
      let worst = 1;
      for (const load of LOADS) {
        progress(`weights: ${name}, ${size} instances, ${load} in flight at each`);
        const { tries } = await simulate(world(size, load), STRATEGIES[name], size);
        const light = tries.get('light') ?? 0;
        const all = [...tries.values()].reduce((sum, count) => sum + count, 0);
        const relative = (light * (size - 1)) / (all - light);
        got[`got at ${load} in flight`] = Number(relative.toFixed(2));
        worst = Math.max(worst, relative / 0.5, 0.5 / relative);
      }
      results.push(
        result(
          `weight 0.5 of ${size} instances: farthest from half of another's traffic, ${name}`,
          worst,
          'x',
          {
            goal: ['<=', 1.5],
            peers: { ...got, 'two draws by weight, uncorrected': UNCORRECTED[size] ?? 0.5 },
          },
        ),
      );
    }
  }
  return results;
}
