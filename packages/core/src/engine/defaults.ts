/**
 * Every default in one place. Durations are milliseconds. docs/options.md shows this table.
 */
export const DEFAULTS = {
  /** Limits of one call. */
  timeouts: {
    /** To establish a connection, TLS included. Above it the instance counts as unreachable and the next one is tried. */
    connectMs: 1000,
    /** One try, from the pick to the first byte of the answer. Above it an idempotent call goes to the next instance. */
    firstByteMs: 10_000,
    /** The whole call, from its start to the first byte of the answer that the caller gets: all tries and waits. */
    totalMs: 30_000,
  },
  retry: {
    /** Tries of one call in all, the first included. 1: never try again. */
    attempts: 3,
    /** Statuses that another instance may answer better; idempotent calls only. */
    statuses: [502, 503, 504] as readonly number[],
    /** Backoff when every instance was tried already: full jitter, from the first to the second. */
    backoffMs: 25,
    backoffMaxMs: 250,
  },
  /** When an instance gets no new calls, and when it is asked again. */
  ejection: {
    /** Failed connects in a row. 0: never eject for it. */
    connectFailures: 1,
    /** Connections in a row that ended before any answer. 0: never. */
    resets: 2,
    /** Tries in a row without a first byte in time. 0: never. */
    timeouts: 3,
    /** Answers with status 502, 503 or 504 in a row. 0: never. */
    gatewayErrors: 3,
    /** Answers with any status >= 500 in a row. 0: never. */
    serverErrors: 5,
    /** The largest share of the instances that soft evidence (answers, timeouts) may eject; one is always allowed. */
    maxShare: 0.1,
    /** With a smaller share than this left, softly ejected instances are used again. */
    panicShare: 0.5,
    /**
     * A try without a first byte for this long makes us ask its instance by a connect. When nothing comes back within
     * `timeouts.connectMs`, its machine has vanished: it is ejected, and its tries go elsewhere if they may. 0: never ask.
     */
    stallMs: 500,
    /**
     * From the ejection to the first probe, doubled by each failed one, up to the maximum; each jittered down by up to
     * half. An instance that refused connections is asked by a connect, at least every 2 s.
     */
    probeMs: 500,
    probeMaxMs: 10_000,
  },
  /** When instances vanish from a registry's set. */
  guard: {
    /** Losing more than this share at once, or all, is not believed at once. 1 believes everything. */
    maxLossShare: 0.5,
    /** How long the vanished ones stay usable at the most; the first failed connect ends it for each. */
    holdMs: 30_000,
  },
  /**
   * Topology hints (`Endpoint.hints`) of instances. `hints`: those meant for our node, else our zone, come first, if
   * every ready instance has hints. `ignore`: hints mean nothing.
   */
  topology: 'hints',
  /** Instances that register themselves. */
  registration: {
    /** Without a heartbeat for this long the registry takes the instance for dead; one is sent in each third of it. */
    ttlMs: 15_000,
    /** Where the registry asks the instance instead: how often, and how long the answer may take. */
    checkIntervalMs: 10_000,
    checkTimeoutMs: 2_000,
    /** For how long the registry keeps an instance that it takes for dead. */
    deregisterAfterMs: 60_000,
    /** How long the function `health` may take before it counts as `critical`. */
    healthMs: 1_000,
    /** How long `ready` waits. */
    readyMs: 10_000,
  },
  limits: {
    /** The wait for a service's first set. */
    firstSetMs: 5_000,
    /** Services in use at the same time. */
    maxServices: 1_000,
    /** Instances that one service may have: a registry that delivers more is taken to be wrong. */
    maxEndpoints: 50_000,
    /** `close()` lets calls in flight finish for this long. */
    closeMs: 5_000,
  },
} as const;
