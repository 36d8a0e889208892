import type { Call, Endpoint, Member, Pool, Strategy } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { type Goal, progress, type Result, result } from '../lib/report.js';
import { STRATEGIES } from './compared.js';

const SIZES = [10, 100, 1_000, 10_000];
const ROUNDS = 15;
const PICKS = 200_000;
/** The time of a pick in times of an array access, at 1000 members: far above what is measured, far below a mistake. */
const GOALS: Readonly<Record<string, Goal>> = {
  'round robin': ['<=', 12],
  'weighted round robin': ['<=', 40],
  random: ['<=', 40],
  'least request': ['<=', 80],
  'peak EWMA': ['<=', 200],
};

const call: Call = { hash: 0, hasKey: false, attempt: 0, now: 1_000_000, tried: () => false };

/** Measured and decaying, as the engine's members are. */
class LoadedMember implements Member {
  readonly endpoint: Endpoint;
  readonly weight: number;
  readonly inFlight: number;
  readonly measured = true;
  readonly #average: number;
  readonly #stamp = 990_000;

  constructor(index: number, weight: number) {
    this.endpoint = { id: `member-${index}`, host: '127.0.0.1', port: 80 };
    this.weight = weight;
    this.inFlight = index % 3;
    this.#average = 100 + (index % 7);
  }

  latencyMs(now: number): number {
    const age = now - this.#stamp;
    return age > 0 ? this.#average * Math.exp(-age / 10_000) : this.#average;
  }
}

function poolOf(size: number, uneven: boolean): Pool {
  const members = Array.from({ length: size }, (_, i) => new LoadedMember(i, uneven ? 1 + (i % 10) : 1));
  return { members, eligible: members, inFlight: size, isEligible: () => true };
}

/** What a pick costs, for each strategy and size, compared with a plain array in the same run. */
export async function measurePicks(): Promise<Result[]> {
  const results: Result[] = [];
  for (const uneven of [false, true]) {
    for (const [name, strategy] of Object.entries(STRATEGIES)) {
      if (uneven && name === 'round robin') continue;
      for (const size of SIZES) {
        progress(`picks: ${name}, ${size} members`);
        results.push(await measure(name, strategy, size, uneven));
      }
    }
  }
  return results;
}

async function measure(name: string, strategy: Strategy, size: number, uneven: boolean): Promise<Result> {
  const fresh = new URL(`./pick-loop.ts?${name}-${size}-${uneven}`, import.meta.url).href;
  const { timePicks, timeArray } = (await import(fresh)) as typeof import('./pick-loop.js');
  const pool = poolOf(size, uneven);
  const balancer = strategy({ clock: new VirtualClock(), random: Math.random });
  balancer.update(pool, 'members');
  timePicks(balancer, call, PICKS);
  timeArray(pool.eligible, PICKS);
  // In turns, and the median of what each turn says: whatever else the machine does meets both.
  const rounds = Array.from({ length: ROUNDS }, () => ({
    pick: timePicks(balancer, call, PICKS),
    array: timeArray(pool.eligible, PICKS),
  })).sort((a, b) => a.pick / a.array - b.pick / b.array);
  const { pick, array } = rounds[ROUNDS >> 1] as { pick: number; array: number };
  const million = (ns: number): number => Math.round(1000 / ns);
  return result(
    `time of a pick: ${name}, ${size} members${uneven ? ' of weights 1 to 10' : ''}`,
    pick / array,
    'x array',
    {
      goal: size === 1000 ? GOALS[name] : undefined,
      peers: { 'million picks/s': million(pick), 'array, million/s': million(array) },
    },
  );
}
