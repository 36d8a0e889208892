import { LineView } from './line-view.js';
import { LiveView } from './live-view.js';
import { readOptions, USAGE } from './options.js';
import { reportOf } from './report.js';
import { runDemo, type View } from './run.js';
import { summary } from './summary.js';
import { render } from './table.js';

const { stdout, stderr } = process;

/** 0: no call failed through crowfly. 1: some did. 2: the demo was called wrongly. 128 + n: ended by signal n. */
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    stderr.write(`demo: ${(error as Error).message}\n`);
    return 2;
  }
  const { seconds, json, help } = options;
  if (help) {
    stdout.write(`${USAGE}\n`);
    return 0;
  }
  const interruption = onInterruption();
  const view = createView(json);
  try {
    const report = reportOf(await runDemo(seconds, view, interruption.signal));
    view.close();
    const columns = stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY;
    const colors = stdout.isTTY && stdout.hasColors();
    const text = json
      ? JSON.stringify(report, null, 2)
      : summary(report)
          .map((line) => render(line, columns, colors))
          .join('\n');
    stdout.write(`${text}\n`);
    return report.callerFailures === 0 ? 0 : 1;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    return interruption.signal.reason;
  } finally {
    view.close();
    interruption.stop();
  }
}

/** With --json, stdout is for the object alone. */
function createView(json: boolean): View {
  if (!json && stdout.isTTY && process.env.TERM !== 'dumb') return new LiveView(stdout);
  const out = json ? stderr : stdout;
  return new LineView((line) => out.write(`${line}\n`));
}

/** Aborts, with the exit code as reason, when the demo is told to end, or nobody reads its output any more. */
function onInterruption(): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
  const end = (signal: keyof typeof signals): void => controller.abort(signals[signal]);
  const names = Object.keys(signals) as (keyof typeof signals)[];
  for (const name of names) process.on(name, end);
  stdout.on('error', () => controller.abort(1));
  return {
    signal: controller.signal,
    stop: () => {
      for (const name of names) process.off(name, end);
    },
  };
}
