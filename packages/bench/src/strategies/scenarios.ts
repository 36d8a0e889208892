import { exponential, normal } from '../simulation/distributions.js';
import type { ServerOptions, Work } from '../simulation/server.js';
import { BARE, type World } from '../simulation/world.js';

/**
 * Eleven servers that answer in 167 ms, sigma 5 ms, 1000 calls a second for a minute; one of them is bad from second
 * 15 to 45. Source: Buoyant, "Beyond Round Robin: Load Balancing for Latency" (2016).
 */
function oneBad(bad: Work): World {
  return {
    rate: 1000,
    lengthMs: 60_000,
    window: [15_000, 45_000],
    servers: (random) =>
      Array.from({ length: 11 }, (_, i) => ({
        id: i === 0 ? BAD : `good-${i}`,
        work: (now) =>
          i === 0 && now >= 15_000 && now < 45_000 ? bad : { status: 200, ms: normal(random, 167, 5) },
      })),
  };
}

export const BAD = 'bad';
const SLOW: Work = { status: 200, ms: 2000 };
const FAILS_FAST: Work = { status: 503, ms: 1 };

export const slowServer: World = { ...oneBad(SLOW), behaviour: BARE };
/** With the engine's ejection and retries, and callers that wait for a second. */
export const slowServerInTime: World = { ...oneBad(SLOW), behaviour: { timeouts: { totalMs: 1000 } } };
export const failFast: World = { ...oneBad(FAILS_FAST), behaviour: BARE };
export const failFastEjected: World = oneBad(FAILS_FAST);

/** As `slowServer`, seen by fifty clients of two calls a second each: nobody has many calls in flight. */
export const quietClients: World = { ...slowServer, rate: 100, clients: 50 };

/** A client that begins at full rate while one server takes 2 s. */
export const coldStart: World = {
  rate: 1000,
  lengthMs: 5000,
  behaviour: BARE,
  servers: (random) =>
    Array.from({ length: 11 }, (_, i) => ({
      id: i === 0 ? BAD : `good-${i}`,
      work: () => (i === 0 ? SLOW : { status: 200, ms: normal(random, 167, 5) }),
    })),
};

/** Ten servers of four workers each. */
function tenServers(ms: (index: number, random: () => number) => number): World['servers'] {
  return (random) =>
    Array.from(
      { length: 10 },
      (_, i): ServerOptions => ({
        id: `server-${i}`,
        workers: 4,
        work: () => ({ status: 200, ms: ms(i, random) }),
      }),
    );
}

const queueing = { lengthMs: 30_000, behaviour: BARE };

/** Scenarios in which only the latency tells strategies apart, by the names of the report. */
export const CAPACITY: Readonly<Record<string, World>> = {
  'five machines of ten are twice as fast, load 70%, 4 clients': {
    ...queueing,
    clients: 4,
    rate: 420,
    servers: tenServers((i, random) => exponential(random, i < 5 ? 50 : 100)),
  },
  'equal machines, load 80%, 4 clients': {
    ...queueing,
    clients: 4,
    rate: 640,
    servers: tenServers((_, random) => exponential(random, 50)),
  },
  'equal machines, load 80%, 40 clients': {
    ...queueing,
    clients: 40,
    rate: 640,
    servers: tenServers((_, random) => exponential(random, 50)),
  },
  'one call of twenty takes thirty times as long, load 70%, 4 clients': {
    ...queueing,
    clients: 4,
    rate: 1143,
    lengthMs: 20_000,
    servers: tenServers((_, random) => (random() < 0.05 ? 300 : 10)),
  },
  'one call of twenty takes thirty times as long, load 70%, 40 clients': {
    ...queueing,
    clients: 40,
    rate: 1143,
    lengthMs: 20_000,
    servers: tenServers((_, random) => (random() < 0.05 ? 300 : 10)),
  },
  'every machine pauses for 300 ms of 4 s, one after the other': {
    ...queueing,
    clients: 4,
    rate: 500,
    servers: () =>
      Array.from({ length: 10 }, (_, i) => ({
        id: `server-${i}`,
        work: (now) => ({ status: 200, ms: 20 + Math.max(0, 300 - ((now + 400 * i) % 4000)) }),
      })),
  },
  'five machines of ten are 40 ms away, load 70%, 4 clients': {
    ...queueing,
    clients: 4,
    rate: 560,
    servers: (random) =>
      tenServers(() => exponential(random, 50))(random).map((server, i) => ({
        ...server,
        distanceMs: i < 5 ? 0 : 40,
      })),
  },
};

/** A fifth more calls than ten equal machines can answer, from callers that wait for a second. */
export const overload: World = {
  clients: 4,
  rate: 960,
  lengthMs: 20_000,
  behaviour: { timeouts: { totalMs: 1000 } },
  servers: tenServers((_, random) => exponential(random, 50)),
};
