import { constants } from 'node:os';
import { type Check, type Clock, check } from '@crowfly/core';

/** Two of the same kind within this time are one: npm passes on what the terminal has sent to its whole group. */
const SAME_MS = 500;

const name: Check = (value, path) => {
  const known = Object.keys(constants.signals).filter((signal) => !/^SIG(KILL|STOP)$/.test(signal));
  check.oneOf(...known)(value, path);
};

/** `false`, or names of signals that a process can hear of. */
export const checkSignals: Check = (value, path) => {
  if (value !== false) check.list(name, "a list of signals such as ['SIGTERM'], or false")(value, path);
};

/** Calls `listener` for each signal, with the number of those before it. */
export class Signals {
  readonly #names: readonly NodeJS.Signals[];
  readonly #handle: (signal: NodeJS.Signals) => void;

  constructor(
    names: readonly NodeJS.Signals[],
    clock: Clock,
    listener: (signal: NodeJS.Signals, before: number) => void,
  ) {
    let before = 0;
    let last: { signal: NodeJS.Signals; at: number } | undefined;
    this.#names = names;
    this.#handle = (signal) => {
      const now = clock.now();
      if (last?.signal === signal && now - last.at < SAME_MS) return;
      last = { signal, at: now };
      listener(signal, before++);
    };
    for (const name of names) process.on(name, this.#handle);
  }

  stop(): void {
    for (const name of this.#names) process.off(name, this.#handle);
  }
}

/** What a shell reports for a process that a signal ended. */
export const exitCode = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
