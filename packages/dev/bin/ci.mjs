// What .ci/run does after `npm test`: other Nodes, packed packages, coverage, the demo, real registry servers. Two steps
// at a time, each printed in one piece when it has ended; the demo runs by itself, since it keeps up a steady rate, and
// so do the servers, which take all the machine has while they are built.
import { join } from 'node:path';
import { failuresIn } from '../lib/failures.mjs';
import { capture, StepFailed, say } from '../lib/process.mjs';
import { close, findServerTests, findTests, readCounts, runMocha } from '../lib/tests.mjs';
import { nodeBinary } from '../lib/tools.mjs';
import { dev } from '../lib/workspace.mjs';

/** @typedef {import('../lib/tests.mjs').Counts & { output: string }} Result */
/** @typedef {{ name: string, run: () => Promise<Result> }} Step */

/** @type {Step[]} */
const together = [
  {
    name: 'packed packages',
    run: () => runMocha(['packages/dev/ci/packed.test.ts'], [], { output: 'pipe' }),
  },
  ...['20', '22', '24', '26'].filter((version) => !process.version.startsWith(`v${version}.`)).map(testsOn),
  { name: 'coverage', run: coverage },
  { name: 'unused code', run: suite('unused') },
];
/** @type {Step[]} */
const alone = [
  { name: 'demo', run: suite('demo') },
  { name: 'real registry servers', run: onRealServers },
];

const sum = readCounts(process.env.CROWFLY_COUNTS ?? '');
const failed = [...(await inLanes(together, 2)), ...(await inLanes(alone, 1))];
// Once more, and last: what is kept of a long log is often its end.
for (const { name, output } of failed) {
  console.log(`\n== failed: ${name}`);
  console.log(failuresIn(output));
}
if (failed.length > 0) say(`failed: ${failed.map(({ name }) => name).join(', ')}`);
process.exitCode = close(sum);

/** One of packages/dev/ci. @param {string} name @returns {Step['run']} */
function suite(name) {
  return () => runMocha([`packages/dev/ci/${name}.test.ts`], [], { output: 'pipe' });
}

/** @param {string} version @returns {Step} */
function testsOn(version) {
  return {
    name: `tests on Node ${version}`,
    run: async () => {
      const how = { node: await nodeBinary(version), env: { CROWFLY_REPORT: 'brief' } };
      return runMocha(findTests(), [], { ...how, output: 'pipe' });
    },
  };
}

/** With CI set nothing is skipped: a server that cannot be had is a failure. @returns {Promise<Result>} */
async function onRealServers() {
  const { buildConsul, buildKubernetes } = await import('@crowfly/servers');
  // Here, and not in the first test, so that minutes of silence are explained.
  await buildKubernetes(say);
  await buildConsul(say);
  return runMocha(findServerTests(), [], { env: { CI: 'true' }, output: 'pipe' });
}

/** One check, however many tests it runs: they are counted already. @returns {Promise<Result>} */
async function coverage() {
  const { code, output } = await capture(process.execPath, [join(dev, 'bin', 'coverage.mjs')]);
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: [], output };
}

/**
 * Runs the steps in order, so many at a time, and adds to the sum; returns those that failed.
 * @param {Step[]} steps @param {number} lanes
 */
async function inLanes(steps, lanes) {
  const waiting = [...steps];
  /** @type {{ name: string, output: string }[]} */
  const bad = [];
  const lane = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const started = Date.now();
      const result = await step.run().catch(asFailure);
      const { passed, failed, skipped, output } = result;
      const seconds = Math.round((Date.now() - started) / 1000);
      console.log(
        `\n== ${step.name}: ${passed} passed, ${failed} failed, ${skipped.length} skipped (${seconds} s)`,
      );
      if (output.trim() !== '') console.log(output.trimEnd());
      sum.passed += passed;
      sum.failed += failed;
      sum.skipped.push(...skipped);
      if (failed > 0) bad.push({ name: step.name, output });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return bad;
}

/** @param {unknown} error @returns {Result} */
function asFailure(error) {
  const output =
    error instanceof StepFailed ? error.message : String(error instanceof Error ? error.stack : error);
  return { passed: 0, failed: 1, skipped: [], output };
}
