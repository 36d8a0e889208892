import { type RegistryConformanceOptions, registryConformance } from '@crowfly/testkit';
import Mocha from 'mocha';

export interface Result {
  readonly passed: readonly string[];
  readonly failed: readonly { readonly title: string; readonly message: string }[];
  /** Titles, with the reasons that the kit adds to them. */
  readonly pending: readonly string[];
  /** The closing summary. */
  readonly lines: readonly string[];
}

/** Bounds for broken adapters over a backend in memory: what is awaited never comes. */
export const QUICK = { timeoutMs: 400, quietMs: 150, abortMs: 200 } as const;

/** Runs the suite in a mocha of its own. `only`: checks whose full title matches. */
export async function conform(options: RegistryConformanceOptions, only?: RegExp): Promise<Result> {
  const lines: string[] = [];
  const passed: string[] = [];
  const pending: string[] = [];
  const failed: { title: string; message: string }[] = [];
  class Collect {
    constructor(runner: Mocha.Runner) {
      runner.on('pass', (test) => passed.push(test.fullTitle()));
      runner.on('pending', (test) => pending.push(test.fullTitle()));
      runner.on('fail', (test, error: Error) =>
        failed.push({ title: test.fullTitle(), message: error.message }),
      );
    }
  }
  const mocha = new Mocha({ reporter: Collect as never, ...(only === undefined ? {} : { grep: only }) });
  mocha.suite.emit('pre-require', {} as Mocha.MochaGlobals, '', mocha);
  registryConformance({ quietMs: QUICK.quietMs, seed: 1, print: (line) => lines.push(line), ...options });
  await new Promise<void>((resolve) => {
    mocha.run(() => resolve());
  });
  mocha.dispose();
  return { passed, failed, pending, lines };
}
