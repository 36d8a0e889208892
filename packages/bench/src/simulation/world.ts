import {
  type Behaviour,
  createEngine,
  type Engine,
  type RegistryFactory,
  type Strategy,
  type Transport,
} from '@crowfly/core';
import { seededRandom } from '@crowfly/core/testing';
import { HeapClock } from './heap-clock.js';
import { type ServerOptions, SimulatedServer, type Work } from './server.js';

/** A service, its callers, and what is counted. Durations are milliseconds of the virtual clock. */
export interface World {
  /** Made anew for each run. */
  servers(random: () => number): readonly ServerOptions[];
  /** Processes that call, each with an engine of its own. Default 1. */
  readonly clients?: number;
  /** Calls a second of all clients together; they come at random (Poisson). */
  readonly rate: number;
  readonly lengthMs: number;
  /** The stretch whose share of tries per server is counted. Default: all of it. */
  readonly window?: readonly [fromMs: number, toMs: number];
  /** A call counts as a success when it is answered with a status below 500 within this time. Default 1000. */
  readonly limitMs?: number;
  readonly behaviour?: Omit<Behaviour, 'strategy'>;
}

export interface Tally {
  calls: number;
  /** Answered below 500 in time. */
  successes: number;
  /** Of all calls that were answered, in whatever time and with whatever status. */
  readonly latencies: number[];
  /** Tries that arrived at each server within the window, by id. */
  readonly tries: Map<string, number>;
}

interface Reply {
  readonly status: number;
  /** When it came. */
  readonly at: number;
}

/** Nothing but the strategy: no ejection, no retry. */
export const BARE: Omit<Behaviour, 'strategy'> = {
  ejection: { connectFailures: 0, resets: 0, timeouts: 0, gatewayErrors: 0, serverErrors: 0 },
  retry: { attempts: 1 },
};

/** Runs a world under real engines on a virtual clock. The same seed gives the same run. */
export async function simulate(world: World, strategy: Strategy, seed: number): Promise<Tally> {
  const clock = new HeapClock();
  const random = seededRandom(Math.imul(seed + 1, 0x9e37_79b1));
  const start = clock.now();
  const options = world.servers(random);
  const servers = new Map(
    options.map((each) => {
      const work = (now: number): Work => each.work(now - start);
      return [each.id, new SimulatedServer(clock, { ...each, work })];
    }),
  );
  const tally: Tally = { calls: 0, successes: 0, latencies: [], tries: new Map() };
  const [from, to] = world.window ?? [0, world.lengthMs];
  const transport: Transport<Reply> = {
    send(attempt) {
      const { endpoint, lease } = attempt;
      const server = servers.get(endpoint.id);
      if (server === undefined) throw new Error(`no server is called ${endpoint.id}`);
      const now = clock.now() - start;
      if (now >= from && now < to) tally.tries.set(server.id, (tally.tries.get(server.id) ?? 0) + 1);
      return new Promise((resolve, reject) => {
        server.receive((status) => {
          // Head and body come together.
          lease.responded(status);
          lease.done({ kind: 'answered' });
          resolve({ value: { status, at: clock.now() }, status, discard() {} });
        });
        attempt.onAbort(reject);
      });
    },
    classify: () => 'canceled',
  };
  const engines = Array.from({ length: world.clients ?? 1 }, (_, client) =>
    createEngine(strategy, {
      registry: registryOf(options),
      clock,
      random: seededRandom(Math.imul(1000 * seed + client + 7, 0x85eb_ca6b)),
      defaults: world.behaviour ?? {},
      logger: false,
      env: false,
    }),
  );
  arrivals(world, clock, random, () => {
    const engine = engines[Math.floor(random() * engines.length)] as Engine;
    void callOnce(engine, transport, clock, world.limitMs ?? 1000, tally);
  });
  await clock.advance(world.lengthMs);
  // Everyone gets an answer, or runs into a limit.
  await clock.advance(60_000);
  await Promise.all([...engines.map((engine) => engine.close()), clock.advance(10_000)]);
  return tally;
}

function arrivals(world: World, clock: HeapClock, random: () => number, arrive: () => void): void {
  const end = clock.now() + world.lengthMs;
  const next = (): void => {
    const gap = (-Math.log(1 - random()) * 1000) / world.rate;
    if (clock.now() + gap >= end) return;
    clock.after(gap, () => {
      arrive();
      next();
    });
  };
  next();
}

async function callOnce(
  engine: Engine,
  transport: Transport<Reply>,
  clock: HeapClock,
  limitMs: number,
  tally: Tally,
): Promise<void> {
  tally.calls++;
  const began = clock.now();
  const route = engine.route(new URL('http://orders/'));
  if (route === undefined) throw new Error("'orders' is no service");
  try {
    const { status, at } = await engine.call(route, { idempotent: true, replayable: true }, transport);
    const took = at - began;
    tally.latencies.push(took);
    if (status < 500 && took <= limitMs) tally.successes++;
  } catch {
    // No answer in time: a failure.
  }
}

/** One service with these instances, for ever. */
function registryOf(servers: readonly ServerOptions[]): RegistryFactory {
  return () => ({
    kind: 'simulation',
    id: 'simulation:',
    supports: { unknown: false },
    locate: (target) => ({ key: typeof target === 'string' ? target : target.host }),
    watch: (_service, feed) =>
      new Promise((resolve) => {
        feed.publish(
          servers.map(({ id, weight = 1 }, index) => ({ id, host: '127.0.0.1', port: 1024 + index, weight })),
        );
        feed.signal.addEventListener('abort', () => resolve());
      }),
  });
}
