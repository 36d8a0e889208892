import { setTimeout } from 'node:timers/promises';
import { file } from '@crowfly/registry-static';
import { createDiscovery, type Discovery } from 'crowfly';
import { Client } from './client.js';
import { keepSending } from './load.js';
import { PHASES } from './phases.js';
import { RoundRobin } from './round-robin.js';
import { FIRST, Stage } from './stage.js';

/** Calls per second of each client: modest, so that it is the instances that are measured, and not this process. */
export const CALLS_PER_SECOND = 50;
/** So many calls of each client come before those that count: the first ones load and compile code. */
const WARM_UP_CALLS = 50;

/** What is not crowfly's default here, and why; `createDiscovery` takes it as `defaults`. */
export const SETTINGS = {
  // Callers here give up after 1 s, so an instance has a quarter of it before another one is asked. The default, 10 s,
  // is for callers that wait for up to 30 s.
  timeouts: { firstByteMs: 250 },
  // Troubles here last for seconds, not minutes, so who is ejected is asked at least every second whether it is back.
  // By default the waits double up to 10 s.
  ejection: { probeMaxMs: 1000 },
};

/** Where the events of a run go, and its figures while it lasts. */
export interface View {
  /** Called once, when the first calls are sent. */
  begin(run: Run): void;
  phase(name: string): void;
  event(text: string): void;
  /** Idempotent. */
  close(): void;
}

/** A run, as views and the report see it. */
export interface Run {
  readonly discovery: Discovery;
  readonly crowfly: Client;
  readonly roundRobin: Client;
  readonly seconds: number;
  readonly startedAt: number;
  /** How late each call was sent, in milliseconds; known at the end. */
  late: readonly number[];
}

/**
 * Calls `orders` through crowfly and by plain round robin, at the same time and rate, while the phases happen.
 *
 * @param signal ends it early
 * @throws the signal's reason when it was ended early
 */
export async function runDemo(seconds: number, view: View, signal: AbortSignal): Promise<Run> {
  view.event(
    `starting ${FIRST.length} instances of orders; ${WARM_UP_CALLS} calls warm up each caller, uncounted`,
  );
  const stage = await Stage.open();
  const turns = new RoundRobin(stage.file.path);
  const discovery = createDiscovery({
    registry: file(stage.file.path),
    defaults: SETTINGS,
    logger: {
      info: (text) => view.event(`crowfly: ${text}`),
      warn: (text) => view.event(`crowfly: ${text}`),
    },
  });
  const crowfly = new Client((path, init) => discovery.fetch(`http://orders${path}`, init));
  const roundRobin = new Client((path, init) => fetch(`${turns.next()}${path}`, init));
  const ending = new AbortController();
  try {
    await discovery.ready(['orders']);
    await Promise.all([crowfly.warmUp(WARM_UP_CALLS), roundRobin.warmUp(WARM_UP_CALLS)]);
    const run: Run = { discovery, crowfly, roundRobin, seconds, startedAt: performance.now(), late: [] };
    stage.tell = (event) => view.event(event);
    view.begin(run);

    // The first call may go out before the script begins.
    let current: string = PHASES[0]?.name ?? '';
    const sendBoth = (): void => {
      crowfly.call(current);
      roundRobin.call(current);
    };
    const script = async (): Promise<void> => {
      for (const { name, share, happens } of PHASES) {
        current = name;
        view.phase(name);
        const phaseMs = share * seconds * 1000;
        await Promise.all([happens(stage, phaseMs), setTimeout(phaseMs, undefined, { signal })]);
      }
      ending.abort();
    };
    [run.late] = await Promise.all([
      keepSending(CALLS_PER_SECOND, sendBoth, AbortSignal.any([signal, ending.signal])),
      script(),
    ]);
    await Promise.all([crowfly.settle(), roundRobin.settle()]);
    return run;
  } finally {
    ending.abort();
    view.close();
    turns.close();
    await discovery.close();
    await stage.close();
  }
}
