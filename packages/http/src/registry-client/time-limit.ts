import type { Clock } from '@crowfly/core';
import type { Exchange } from './exchange.js';

/**
 * Calls `fire` after `ms`. Sockets are read once more before: after the event loop stood still, what has arrived in time
 * is still waiting there.
 *
 * @param keepAlive whether a caller waits for it
 * @returns cancels it
 */
export function timeLimit(clock: Clock, ms: number, keepAlive: boolean, fire: () => void): () => void {
  let last: NodeJS.Immediate | undefined;
  const timer = clock.after(
    ms,
    () => {
      last = setImmediate(fire);
    },
    keepAlive,
  );
  return () => {
    timer.cancel();
    clearImmediate(last);
  };
}

/** `work`, or an error when it takes longer than `ms`, or the reason of the stop. A caller waits for it. */
export async function within<T>(
  exchange: Exchange,
  clock: Clock,
  ms: number,
  work: T | Promise<T>,
  late: () => Error,
): Promise<T> {
  let cancel = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    cancel = timeLimit(clock, ms, true, () => reject(late()));
  });
  // Within `during`: what was stopped waits for its work no longer, and its timer would be left until that is done.
  try {
    return await exchange.during(Promise.race([work, limit]));
  } finally {
    cancel();
  }
}
