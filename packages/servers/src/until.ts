import { setTimeout as sleep } from 'node:timers/promises';
import { ServersError, type ServersErrorCode } from './errors.js';

export interface UntilOptions {
  /** Milliseconds until it is given up: 30,000 by default. */
  readonly withinMs?: number;
  /** Milliseconds between two looks: 25 by default. */
  readonly everyMs?: number;
  readonly code?: ServersErrorCode;
  /** Said in addition when it is given up. */
  readonly hint?: () => string;
}

/**
 * Waits until `look` returns something other than undefined or false, and returns that. What `look` throws counts as "not
 * yet"; the last error is the cause when it is given up.
 *
 * @param what completes "waited in vain for ..."
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 30_000, everyMs = 25, code = 'bad-answer', hint }: UntilOptions = {},
): Promise<T> {
  const end = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      cause = undefined;
    } catch (error) {
      // What is typed already as final is not waited out.
      if (error instanceof ServersError && error.code === 'start-failed') throw error;
      cause = error;
    }
    if (performance.now() >= end) {
      const last = cause instanceof Error ? `: ${cause.message}` : '';
      throw new ServersError(code, `waited ${withinMs} ms in vain for ${what}${last}${hint?.() ?? ''}`, {
        cause,
      });
    }
    await sleep(everyMs);
  }
}
