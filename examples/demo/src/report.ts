import { cpus } from 'node:os';
import { PHASES } from './phases.js';
import { CALLS_PER_SECOND, type Run, SETTINGS } from './run.js';
import { INSTANCES } from './stage.js';
import { type Figures, percentile } from './tally.js';

/** The figures of one phase: crowfly's, and round robin's beside them. */
export interface PhaseReport extends Figures {
  readonly name: string;
  readonly roundRobin: Omit<Figures, 'share'>;
}

/** What `--json` prints. */
export interface Report {
  /** Through crowfly; as many went by round robin. */
  readonly calls: number;
  readonly callerFailures: number;
  readonly roundRobinCallerFailures: number;
  readonly phases: readonly PhaseReport[];
  /** Why calls failed, and how many for each reason. */
  readonly reasons: Readonly<Record<'crowfly' | 'roundRobin', Readonly<Record<string, number>>>>;
  readonly seconds: number;
  readonly callsPerSecond: number;
  /** What is not crowfly's default. */
  readonly settings: typeof SETTINGS;
  /** How late calls were sent: what this process, or the machine, adds to the figures. */
  readonly sentLateP99Ms: number;
  readonly machine: { readonly cpus: number; readonly model: string; readonly node: string };
}

export function reportOf({ crowfly, roundRobin, seconds, late }: Run): Report {
  return {
    calls: crowfly.tally.calls,
    callerFailures: crowfly.tally.failures,
    roundRobinCallerFailures: roundRobin.tally.failures,
    phases: PHASES.map(({ name }) => {
      const { share: _, ...ofRoundRobin } = rounded(roundRobin.tally.during(name));
      return { name, ...rounded(crowfly.tally.during(name)), roundRobin: ofRoundRobin };
    }),
    reasons: {
      crowfly: Object.fromEntries(crowfly.tally.reasons()),
      roundRobin: Object.fromEntries(roundRobin.tally.reasons()),
    },
    seconds,
    callsPerSecond: CALLS_PER_SECOND,
    settings: SETTINGS,
    sentLateP99Ms: round(
      percentile(
        [...late].sort((a, b) => a - b),
        99,
      ),
      1,
    ),
    machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version },
  };
}

/** Every instance has a share, be it 0. */
function rounded(figures: Figures): Figures {
  return {
    ...figures,
    p50Ms: round(figures.p50Ms, 1),
    p99Ms: round(figures.p99Ms, 1),
    share: Object.fromEntries(INSTANCES.map((name) => [name, round(figures.share[name] ?? 0, 4)])),
  };
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
