import pRetry from 'p-retry';
import type { Clock } from '../contract/clock.js';
import type { Feed, Problem, Registry, ServiceRef } from '../contract/registry.js';
import { CrowflyError, describeError } from '../errors.js';
import { type Backoff, HEALTHY_MS } from './backoff.js';
import type { EndpointGate, Gated } from './endpoint-gate.js';
import { Intake } from './intake.js';

/** What following a service brings: calls are synchronous, in order, and end when the follow is stopped. */
export interface Follower {
  set(gated: Gated): void;
  unknown(reason: string): void;
  failed(cause: unknown): void;
  /** As the registry reports it: something about the next set. */
  problem(problem: Problem): void;
}

export interface FollowOptions {
  readonly registry: Registry;
  readonly service: ServiceRef;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly gate: EndpointGate;
  readonly follower: Follower;
}

/**
 * Keeps one watch of one service running, for ever: when it settles it has failed, and is started again behind the
 * registry's backoff.
 *
 * @returns a function that stops it, and a promise that resolves once the watch has settled
 */
export function follow(options: FollowOptions): { stop(): void; readonly stopped: Promise<void> } {
  const stopping = new AbortController();
  const stopped = keepWatching(options, stopping.signal).catch(() => {
    // Only the stop ends it.
  });
  return { stop: () => stopping.abort(), stopped };
}

async function keepWatching(options: FollowOptions, stopping: AbortSignal): Promise<void> {
  const { follower, backoff } = options;
  // p-retry does the looping. The waiting happens in `onFailedAttempt`, by the injected clock and the backoff that the
  // whole registry shares; and it never sees the error itself, as it gives up on most TypeErrors.
  let waitedMs = 0;
  await pRetry(() => watchOnce(options, stopping), {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 0,
    factor: 1,
    signal: stopping,
    onFailedAttempt: async ({ error }) => {
      if (stopping.aborted) return;
      const { cause, ranMs } = error as WatchFailed;
      follower.failed(cause);
      if (ranMs >= HEALTHY_MS) waitedMs = 0;
      waitedMs += await backoff.wait(waitedMs, stopping);
    },
  });
}

class WatchFailed extends Error {
  readonly ranMs: number;
  constructor(cause: unknown, ranMs: number) {
    super('the watch ended', { cause });
    this.ranMs = ranMs;
  }
}

async function watchOnce(options: FollowOptions, stopping: AbortSignal): Promise<void> {
  const { registry, service, clock, gate, follower } = options;
  // A signal of its own: when a watch settles, whatever it left behind hears of it too, and can publish no more.
  const ending = new AbortController();
  let publishedAt: number | undefined;
  let refuse: (cause: unknown) => void = () => {};
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  // Nobody waits for it when the adapter throws first.
  refused.catch(() => {});
  const intake = new Intake({
    gate,
    follower,
    taken: () => {
      publishedAt ??= clock.now();
    },
    refuse: (error) => {
      // A bad whole ends the watch, but not by throwing into the adapter's code.
      refuse(error);
      ending.abort(error);
    },
  });
  const end = (): void => {
    intake.stop();
    ending.abort(stopping.reason);
  };
  stopping.addEventListener('abort', end, { once: true });
  if (stopping.aborted) end();
  const feed: Feed = {
    signal: ending.signal,
    publish(raw) {
      if (!ending.signal.aborted) intake.publish(raw);
    },
    unknown(reason) {
      if (!ending.signal.aborted) intake.unknown(reason);
    },
    report(problem) {
      if (!ending.signal.aborted) intake.report(problem);
    },
  };
  let cause: unknown;
  try {
    // What was refused comes first: an adapter may well end its watch because of it.
    await Promise.race([refused, registry.watch(service, feed)]);
    cause = new CrowflyError(
      'registry-failed',
      `${registry.id} ended the watch of '${service.key}' by itself`,
    );
  } catch (error) {
    cause = asError(error, registry, service);
  } finally {
    ending.abort();
  }
  // What it said before it failed comes first.
  await intake.idle;
  stopping.removeEventListener('abort', end);
  throw new WatchFailed(cause, publishedAt === undefined ? 0 : clock.now() - publishedAt);
}

/** Adapters may throw anything, `undefined` too. */
function asError(thrown: unknown, registry: Registry, service: ServiceRef): Error {
  if (thrown instanceof Error) return thrown;
  return new CrowflyError(
    'registry-failed',
    `${registry.id} failed to watch '${service.key}': ${describeError(thrown)}`,
  );
}
