import { type StrategyConformanceOptions, strategyConformance } from '@crowfly/testkit';
import Mocha from 'mocha';

export interface Result {
  readonly passed: readonly string[];
  readonly failed: readonly { readonly title: string; readonly message: string }[];
}

/** Runs the suite in a mocha of its own. `only`: a rule's title. */
export async function conform(options: StrategyConformanceOptions, only?: string): Promise<Result> {
  const passed: string[] = [];
  const failed: { title: string; message: string }[] = [];
  class Collect {
    constructor(runner: Mocha.Runner) {
      runner.on('pass', (test) => passed.push(test.title));
      runner.on('fail', (test, error: Error) => failed.push({ title: test.title, message: error.message }));
    }
  }
  const mocha = new Mocha({ reporter: Collect as never, ...(only === undefined ? {} : { fgrep: only }) });
  mocha.suite.emit('pre-require', {} as Mocha.MochaGlobals, '', mocha);
  strategyConformance(options);
  await new Promise<void>((resolve) => {
    mocha.run(() => resolve());
  });
  mocha.dispose();
  return { passed, failed };
}
