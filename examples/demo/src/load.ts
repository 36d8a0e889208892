import { setTimeout } from 'node:timers/promises';

/** Behind by more than this, calls are left out instead of sent in a burst: a burst would measure this process. */
const MAX_BEHIND_MS = 50;

/**
 * An open loop: `send` is called at a steady rate, however long the answers take, until the signal aborts.
 *
 * @returns how late each call was sent, in milliseconds: what this process itself adds
 */
export async function keepSending(
  perSecond: number,
  send: () => void,
  signal: AbortSignal,
): Promise<number[]> {
  const late: number[] = [];
  for (let due = performance.now(); !signal.aborted; due += 1000 / perSecond) {
    const wait = due - performance.now();
    if (wait > 0) await setTimeout(wait, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const behind = performance.now() - due;
    late.push(Math.max(0, behind));
    if (behind > MAX_BEHIND_MS) due += behind;
    send();
  }
  return late;
}
