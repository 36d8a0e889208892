import { types } from 'node:util';
import { describeError } from '@crowfly/core';
import { Breach, type Rule } from './rules.js';

const MISTAKES = ['TypeError', 'ReferenceError', 'RangeError'];

/**
 * Holds what an adapter threw to the contract: an Error with a message, and no slip of its own code.
 *
 * @returns the error
 * @throws Breach
 */
export function judgeError(rule: Rule, thrown: unknown, during: string): Error {
  if (!types.isNativeError(thrown) && !(thrown instanceof Error)) {
    throw new Breach(
      rule,
      `${during}, the watch rejected with ${thrown === undefined ? 'undefined' : `a ${typeof thrown}`}`,
      'Throw an Error that says what failed',
    );
  }
  // fetch reports a broken network as a TypeError too, but with a cause.
  if (MISTAKES.includes(thrown.name) && thrown.cause === undefined) {
    throw new Breach(
      rule,
      `${during}, the watch rejected with a ${thrown.name} (${thrown.message}), which is a mistake in the adapter's code, not news from the backend`,
      'Check what the backend sent before using it, and throw an Error that says what failed',
      thrown,
    );
  }
  if (describeError(thrown).trim() === '') {
    throw new Breach(
      rule,
      `${during}, the watch rejected with an error without a message`,
      'Say what failed',
      thrown,
    );
  }
  return thrown;
}

/** Everything that an error says, its causes included. */
export function errorText(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    parts.push(at.name, at.message, String((at as { code?: unknown }).code ?? ''), at.stack ?? '');
  }
  return parts.join('\n');
}
