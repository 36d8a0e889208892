import { type Goal, progress, type Result, result } from '../lib/report.js';
import { quantile } from '../simulation/distributions.js';
import { simulate, type Tally, type World } from '../simulation/world.js';
import { DISTINCT, STRATEGIES, type StrategyName } from './compared.js';
import * as scenarios from './scenarios.js';

const ALL = Object.keys(STRATEGIES) as StrategyName[];

/** Sums of several seeds. */
interface Sums {
  readonly calls: number;
  readonly successes: number;
  readonly tries: number;
  readonly triesAtBad: number;
  readonly sorted: readonly number[];
}

/** Runs every scenario for several seeds. `theDefault`: the strategy that users get, which must be the best or close to it. */
export async function runSimulations(seeds: number, theDefault: StrategyName): Promise<Result[]> {
  const run = async (
    about: string,
    world: World,
    names: readonly StrategyName[],
  ): Promise<Map<StrategyName, Sums>> => {
    const sums = new Map<StrategyName, Sums>();
    for (const name of names) {
      const tallies: Tally[] = [];
      for (let seed = 1; seed <= seeds; seed++) {
        progress(`${about}: ${name}, seed ${seed} of ${seeds}`);
        tallies.push(await simulate(world, STRATEGIES[name], seed));
      }
      sums.set(name, sumUp(tallies));
    }
    return sums;
  };

  const results: Result[] = [];
  const each = (
    title: string,
    sums: Map<StrategyName, Sums>,
    value: (s: Sums) => number,
    expected: Expected = {},
  ): void => {
    for (const [name, sum] of sums) {
      const { goals = {}, peers = {} } = expected;
      results.push(
        result(`${title}, ${name}`, value(sum), '%', {
          goal: goals[name] ?? goals.all,
          peers: peers[name] ?? {},
        }),
      );
    }
  };
  const ofDefault = (
    title: string,
    unit: string,
    sums: Map<StrategyName, Sums>,
    value: (s: Sums) => number,
    goal: (best: number) => Goal,
  ): void => {
    const figures = new Map([...sums].map(([name, sum]) => [name, value(sum)]));
    const own = figures.get(theDefault) ?? Number.NaN;
    figures.delete(theDefault);
    const peers = Object.fromEntries(
      [...figures].map(([name, figure]) => [name, Number(figure.toPrecision(4))]),
    );
    results.push(
      result(`${title}, ${theDefault}`, own, unit, { goal: goal(Math.min(...figures.values())), peers }),
    );
  };

  const slow = await run('one slow server', scenarios.slowServer, ALL);
  each('one server takes 2 s: answered within 1 s', slow, success, {
    goals: { 'least request': ['>=', 99.3], 'peak EWMA': ['>=', 99.8] },
    peers: {
      'round robin': { 'Buoyant, published': 95 },
      'least request': { 'Buoyant, published': 99 },
      'peak EWMA': { 'Buoyant, published': 99.9 },
    },
  });
  const inTime = await run('one slow server, with ejection', scenarios.slowServerInTime, ALL);
  each('the same, with ejection, retries and a limit of 1 s: answered within 1 s', inTime, success, {
    goals: { all: ['>=', 99.7] },
  });
  const fails = await run('one failing server', scenarios.failFast, ALL);
  each('one server fails in 1 ms: its share of the tries', fails, badShare, {
    goals: { all: ['<=', 20] },
    peers: {
      'round robin': { 'simulated without an engine': 9.1 },
      'least request': { 'simulated without an engine': 18.2, 'full scan': 94 },
      'peak EWMA': { 'simulated without an engine': 18.2, 'with a penalty of 5 s': 0.03 },
    },
  });
  const ejected = await run('one failing server, with ejection', scenarios.failFastEjected, ALL);
  each('the same, with ejection and retries: its share of the tries', ejected, badShare, {
    goals: { all: ['<=', 0.5] },
  });
  each('the same, with ejection and retries: answered within 1 s', ejected, success, {
    goals: { all: ['>=', 99.99] },
  });

  const quiet = await run('quiet clients', scenarios.quietClients, DISTINCT);
  const lost = (sum: Sums): number => 100 - success(sum);
  const notWorse =
    (slack: number) =>
    (best: number): Goal => ['<=', Number((best * slack).toPrecision(4))];
  ofDefault('one server takes 2 s, 50 clients of 2 calls/s: late', '%', quiet, lost, notWorse(1));
  const cold = await run('cold start', scenarios.coldStart, DISTINCT);
  ofDefault('one server takes 2 s from a cold start on: late in the first 5 s', '%', cold, lost, notWorse(1));
  for (const [about, world] of Object.entries(scenarios.CAPACITY)) {
    const sums = await run(about, world, DISTINCT);
    ofDefault(`${about}: mean latency`, 'ms', sums, mean, notWorse(1.25));
    ofDefault(
      `${about}: 99% answered within`,
      'ms',
      sums,
      (sum) => quantile(sum.sorted, 0.99),
      notWorse(1.25),
    );
  }
  const over = await run('overload', scenarios.overload, DISTINCT);
  ofDefault('120% load, limit of 1 s: late or failed', '%', over, lost, notWorse(1.25));
  return results;
}

interface Expected {
  readonly goals?: { readonly [name in StrategyName | 'all']?: Goal };
  readonly peers?: { readonly [name in StrategyName]?: Readonly<Record<string, number>> };
}

const success = ({ calls, successes }: Sums): number => (100 * successes) / calls;
const badShare = ({ tries, triesAtBad }: Sums): number => (100 * triesAtBad) / tries;
const mean = ({ sorted }: Sums): number => sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length;

function sumUp(tallies: readonly Tally[]): Sums {
  const total = (count: (tally: Tally) => number): number =>
    tallies.reduce((sum, tally) => sum + count(tally), 0);
  return {
    calls: total(({ calls }) => calls),
    successes: total(({ successes }) => successes),
    tries: total(({ tries }) => [...tries.values()].reduce((sum, count) => sum + count, 0)),
    triesAtBad: total(({ tries }) => tries.get(scenarios.BAD) ?? 0),
    sorted: tallies.flatMap(({ latencies }) => latencies).sort((a, b) => a - b),
  };
}
