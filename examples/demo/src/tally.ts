import type { CallResult } from './call.js';

/** What a number of calls have in common. */
export interface Figures {
  readonly calls: number;
  readonly failures: number;
  /** Of the calls that did not fail, in milliseconds; 0 when there are none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The part of the answers that came from each instance. */
  readonly share: Readonly<Record<string, number>>;
}

interface Recorded extends CallResult {
  readonly phase: string;
  readonly endedAt: number;
}

/** Keeps what came of one client's calls. */
export class Tally {
  calls = 0;
  failures = 0;
  readonly #results: Recorded[] = [];

  /** @param phase the one in which the call was sent */
  record(phase: string, result: CallResult): void {
    this.calls++;
    if (result.failure !== undefined) this.failures++;
    this.#results.push({ ...result, phase, endedAt: performance.now() });
  }

  during(phase: string): Figures {
    return figures(this.#results.filter((result) => result.phase === phase));
  }

  /** Those that ended in the last `ms` milliseconds, at one instance or at all. */
  last(ms: number, instance?: string): Figures {
    const since = performance.now() - ms;
    const from = this.#results.findLastIndex(({ endedAt }) => endedAt < since) + 1;
    const recent = this.#results.slice(from);
    return figures(instance === undefined ? recent : recent.filter((result) => result.instance === instance));
  }

  /** How often calls failed for each reason, the most frequent first. */
  reasons(): [reason: string, count: number][] {
    const counts = new Map<string, number>();
    for (const { failure } of this.#results) {
      if (failure !== undefined) counts.set(failure, (counts.get(failure) ?? 0) + 1);
    }
    return [...counts].sort(([, a], [, b]) => b - a);
  }
}

function figures(results: readonly CallResult[]): Figures {
  const good = results.filter(({ failure }) => failure === undefined);
  const sorted = good.map(({ ms }) => ms).sort((a, b) => a - b);
  const answers = results.flatMap(({ instance }) => instance ?? []);
  const share: Record<string, number> = {};
  for (const instance of answers) share[instance] = (share[instance] ?? 0) + 1 / answers.length;
  return {
    calls: results.length,
    failures: results.length - good.length,
    p50Ms: percentile(sorted, 50),
    p99Ms: percentile(sorted, 99),
    share,
  };
}

/** The nearest rank: the smallest of the values that at least `percent` per cent of them do not exceed. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
