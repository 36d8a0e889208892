/** How many slices a time limit is waited for in. */
const SLICES = 4;

/**
 * Calls `fire` after `delayMs` in which the event loop was running. While it is blocked, answers that have long arrived
 * wait unread: that time must not count, or one long garbage collection makes every instance look unreachable.
 *
 * The limit is waited for in slices. One that comes late by more than its own length did not measure the peer and is
 * waited for again; before `fire`, the sockets are polled once more.
 *
 * @returns a function that cancels it
 */
export function stallSafeTimer(delayMs: number, fire: () => void): () => void {
  const sliceMs = delayMs / SLICES;
  let left = SLICES;
  let armedAt = performance.now();
  let last: NodeJS.Immediate | undefined;
  const timer = setTimeout(tick, sliceMs);
  timer.unref();

  function tick(): void {
    const now = performance.now();
    // A millisecond or two of rounding is no stall, however short the slice.
    if (now - armedAt <= 2 * sliceMs + 10) left--;
    armedAt = now;
    if (left > 0) timer.refresh();
    else last = setImmediate(fire);
  }

  return () => {
    clearTimeout(timer);
    clearImmediate(last);
  };
}
