// Finding tests, running mocha, and counting: shared by `npm test` and CI.
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { start } from './process.mjs';
import { binOf, dev, packageDirs, root, typescriptArgs } from './workspace.mjs';

/** @typedef {{ passed: number, failed: number, skipped: string[] }} Counts */

/** All test files of the workspace that need no outside server, relative to the root. @param {(dir: string) => boolean} [of] */
export const findTests = (of = () => true) => allTests(of).filter((file) => !needsServer(file));

/** Those that need a real registry server, which is built at first use. */
export const findServerTests = () => allTests(() => true).filter(needsServer);

/** @param {string} file */
const needsServer = (file) => /^(?:packages|examples)\/[^/]+\/test\/servers\//.test(file);

/** @param {(dir: string) => boolean} of */
const allTests = (of) =>
  packageDirs()
    .filter(of)
    .flatMap((dir) => testsUnder(`${dir}/test`));

/** @param {string} dir @returns {string[]} */
function testsUnder(dir) {
  if (!existsSync(join(root, dir))) return [];
  return readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `${dir}/${file.replaceAll('\\', '/')}`)
    .sort();
}

/**
 * Splits the arguments of `npm test --` into files to run and options for mocha.
 * A file may also be a folder; the value of an option is never taken for a file.
 * @param {readonly string[]} args
 */
export function splitArgs(args) {
  /** @type {string[]} */
  const files = [];
  /** @type {string[]} */
  const options = [];
  for (const arg of args) {
    const path = join(root, arg);
    const isFolder = arg.includes('/') && existsSync(path) && statSync(path).isDirectory();
    if (!arg.startsWith('-') && arg.endsWith('.ts')) files.push(arg);
    else if (isFolder)
      files.push(...testsUnder(arg.replace(/\/$/, '')).filter((f) => !f.includes('node_modules/')));
    else options.push(arg);
  }
  return { files, options };
}

/**
 * Runs mocha in one process of its own. A run that crashes or reports nothing counts as one failure.
 * @param {readonly string[]} files @param {readonly string[]} options
 * @param {{ node?: string, env?: NodeJS.ProcessEnv, output?: 'inherit' | 'pipe', cwd?: string }} [how]
 * @returns {Promise<Counts & { output: string }>}
 */
export async function runMocha(
  files,
  options,
  { node = process.execPath, env = {}, output = 'inherit', cwd = root } = {},
) {
  const config = join(dev, 'config', 'mocharc.cjs');
  // mocha's own bin may start a second Node, and does not pass SIGTERM on to it.
  const cli = join(dirname(binOf('mocha')), '..', 'lib', 'cli', 'cli.js');
  const args = [...typescriptArgs, cli, '--config', config, ...options];
  const tests = JSON.stringify(files.map((file) => resolve(root, file)));

  const temp = mkdtempSync(join(tmpdir(), 'crowfly-tests-'));
  const countsFile = join(temp, 'counts');
  try {
    const ended = await start(
      node,
      args,
      { cwd, env: { ...env, CROWFLY_TESTS: tests, CROWFLY_COUNTS: countsFile } },
      output,
    );
    const counts = readCounts(countsFile);
    if (ended.code !== 0 && counts.failed === 0) counts.failed = 1;
    return { ...counts, output: ended.output };
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}

/** @param {string} file the counts of several runs, one JSON object a line @returns {Counts} */
export function readCounts(file) {
  /** @type {Counts} */
  const sum = { passed: 0, failed: 0, skipped: [] };
  if (!existsSync(file)) return sum;
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const { passed, failed, skipped } = JSON.parse(line);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped.push(...skipped);
  }
  return sum;
}

/** The closing line, always the last one; CI sums what the runs leave in CROWFLY_COUNTS. @param {Counts} counts */
export function close(counts) {
  const { passed, failed, skipped } = counts;
  if (process.env.CROWFLY_COUNTS) {
    appendFileSync(process.env.CROWFLY_COUNTS, `${JSON.stringify({ passed, failed, skipped })}\n`);
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
  return failed === 0 ? 0 : 1;
}
