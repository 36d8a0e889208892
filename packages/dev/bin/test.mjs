// npm test [-- files or mocha options]: everything that can be told from the workspace itself. With files or
// options it is a focused run, without the static checks. The last line is always the count.
import { lint, typeCheck } from '../lib/checks.mjs';
import { StepFailed, say } from '../lib/process.mjs';
import { close, findServerTests, findTests, runMocha, splitArgs } from '../lib/tests.mjs';
import { build, ensureInstalled } from '../lib/workspace.mjs';

const { files, options } = splitArgs(process.argv.slice(2));
const focused = files.length + options.length > 0;

/** @param {string} name @param {() => Promise<void>} action */
async function step(name, action) {
  const started = Date.now();
  await action();
  console.log(`${name}: ok (${((Date.now() - started) / 1000).toFixed(1)} s)`);
}

/** They are left out because servers take minutes to build, once, and tools that not every machine has. */
function sayWhatNeedsServers() {
  const folders = new Set(
    findServerTests().map((file) => file.replace(/\/test\/servers\/.*$/, '/test/servers')),
  );
  if (folders.size === 0) return;
  const command = `npm test -- ${[...folders].join(' ')}`;
  console.log(
    `Left out here, run by .ci/run: tests on real registry servers, built at first use: ${command}`,
  );
}

try {
  await ensureInstalled();
  await step('build', build);
  if (!focused) {
    await step('lint', () => lint());
    await step('type check', typeCheck);
  }
  const specs = files.length > 0 ? files : findTests();
  if (specs.length === 0) throw new StepFailed('there is no test file to run');
  const counts = await runMocha(specs, options);
  if (counts.passed + counts.failed + counts.skipped.length === 0)
    throw new StepFailed('no test was selected');
  if (!focused) sayWhatNeedsServers();
  console.log(
    focused
      ? 'Left out of this focused run: lint, type check, and every test not selected.'
      : 'Left out here, run by .ci/run: other Node versions, packed packages, the demo, coverage; by .ci/long: long runs.',
  );
  process.exitCode = close(counts);
} catch (error) {
  if (!(error instanceof StepFailed)) console.error(error);
  else say(error.message);
  process.exitCode = close({ passed: 0, failed: 1, skipped: [] });
}
