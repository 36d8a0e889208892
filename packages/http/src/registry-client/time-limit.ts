import type { Clock } from '@crowfly/core';

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

/** `work`, or an error when it takes longer than `ms`. A caller waits for it. */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: T | Promise<T>,
  late: () => Error,
): Promise<T> {
  let cancel = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    cancel = timeLimit(clock, ms, true, () => reject(late()));
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    cancel();
  }
}
