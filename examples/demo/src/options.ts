import { parseArgs } from 'node:util';

export interface Options {
  readonly seconds: number;
  readonly json: boolean;
  readonly help: boolean;
}

export const USAGE = 'usage: npm run demo -- [--seconds N] [--json]   (N from 8 to 300, default 20)';

/** @throws Error with a message of one line */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds >= 8 && seconds <= 300))
    throw new Error(`--seconds takes a number from 8 to 300, not '${values.seconds}'`);
  return { seconds, json: values.json, help: values.help };
}
