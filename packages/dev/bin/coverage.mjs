// Coverage of core by the tests of all packages: fails below 95% of lines.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUNDLE } from '../lib/bundle.mjs';
import { main, StepFailed } from '../lib/process.mjs';
import { findTests, runMocha } from '../lib/tests.mjs';
import { runTool } from '../lib/tools.mjs';
import { build, ensureInstalled, root } from '../lib/workspace.mjs';

const GOAL = 95;

await main(async () => {
  await ensureInstalled();
  await build();
  const temp = mkdtempSync(join(tmpdir(), 'crowfly-coverage-'));
  try {
    // The workspace's own tests compile and run other programs, and say nothing about core.
    const files = findTests((dir) => dir.startsWith('packages/') && dir !== 'packages/dev');
    if (files.length === 0) throw new StepFailed('there is no test to measure');
    const { failed, output } = await runMocha(files, [], {
      env: { NODE_V8_COVERAGE: join(temp, 'v8'), CROWFLY_REPORT: 'brief' },
      output: 'pipe',
    });
    process.stdout.write(output);
    if (failed > 0) throw new StepFailed(`${failed} tests failed while coverage was measured`);
    report(await summarize(temp));
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
});

/**
 * @typedef {{ lines: { total: number, covered: number, pct: number } }} Share
 * @param {string} temp @returns {Promise<Record<string, Share>>} by path from the root, and `total`
 */
async function summarize(temp) {
  const { code, output } = await runTool(
    'c8',
    [
      'report',
      `--temp-directory=${join(temp, 'v8')}`,
      `--reports-dir=${temp}`,
      '--reporter=json-summary',
      '--include=packages/core/src/**',
      '--exclude-after-remap',
    ],
    { cwd: root },
  );
  if (code !== 0) throw new StepFailed(`c8 failed:\n${output}`);
  const summary = JSON.parse(readFileSync(join(temp, 'coverage-summary.json'), 'utf8'));
  return Object.fromEntries(
    Object.entries(summary).map(([path, share]) => [path.replace(root, '').replaceAll('\\', '/'), share]),
  );
}

/** @param {Record<string, Share>} shares */
function report({ total, ...files }) {
  // A module that no test loads is in no summary; one of types only compiles to nothing, and is never loaded.
  const dist = join(root, 'packages/core/dist');
  const unseen = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter(
      (file) =>
        file.endsWith('.js') && !file.startsWith(BUNDLE) && hasCode(readFileSync(join(dist, file), 'utf8')),
    )
    .map((file) => `packages/core/src/${file.replaceAll('\\', '/').replace(/\.js$/, '.ts')}`)
    .filter((file) => !(file in files));
  const worst = Object.entries(files)
    .filter(([, { lines }]) => lines.pct < 100)
    .sort(([, a], [, b]) => a.lines.pct - b.lines.pct);
  for (const [file, { lines }] of worst.slice(0, 10)) {
    console.log(`${lines.pct.toFixed(1).padStart(6)}%  ${file} (${lines.covered} of ${lines.total} lines)`);
  }
  if (!total || total.lines.total === 0) throw new StepFailed('no line of core was measured');
  console.log(`${total.lines.pct.toFixed(1).padStart(6)}%  core, all lines; the goal is ${GOAL}%`);
  if (unseen.length > 0) throw new StepFailed(`no test loads ${unseen.join(', ')}`);
  if (total.lines.pct < GOAL) throw new StepFailed(`coverage of core is below ${GOAL}% of lines`);
}

/** Types compile to nothing, and an entry that only names what others export leaves nothing in a bundle. @param {string} script */
function hasCode(script) {
  return (
    script
      .replace(/\/\/.*$/gm, '')
      .replace(/export \{[^}]*\}( from '[^']*')?;/g, '')
      .trim() !== ''
  );
}
