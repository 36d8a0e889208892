// The workspace as its commands see it: where things are, and how they get installed and built.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLE, bundle } from './bundle.mjs';
import { capture, run, StepFailed, say } from './process.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const dev = join(root, 'packages', 'dev');

const require = createRequire(import.meta.url);

/** @param {string} path relative to the root @returns {any} */
export const readJson = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

/** The folders of packages/ and examples/ that are packages, relative to the root. */
export function packageDirs() {
  return ['packages', 'examples'].flatMap((group) =>
    existsSync(join(root, group))
      ? readdirSync(join(root, group))
          .map((name) => `${group}/${name}`)
          .filter((dir) => existsSync(join(root, dir, 'package.json')))
          .sort()
      : [],
  );
}

/**
 * The script behind a dependency's command, to be run with this same Node and without a shell.
 * @param {string} name @param {string} [command]
 */
export function binOf(name, command = name) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[command]);
}

/** The arguments with which Node runs TypeScript, from any working directory. */
export const typescriptArgs = [
  '--enable-source-maps',
  `--import=${new URL('typescript.mjs', import.meta.url).href}`,
];

/** Installs what the lockfile says, when node_modules does not hold it yet. */
export async function ensureInstalled() {
  checkNode();
  const hash = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, file)));
  const wanted = hash.digest('hex');
  const stamp = join(root, 'node_modules', '.crowfly-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;

  say('installing dependencies (once, and after the lockfile has changed) ...');
  const pnpm = readJson('package.json').packageManager;
  const { code, output } = await capture('npx', ['--yes', pnpm, 'install', '--frozen-lockfile'], {
    cwd: root,
    env: { CI: 'true' }, // pnpm asks no questions then
  });
  if (code !== 0) {
    process.stderr.write(output);
    throw new StepFailed(`the install failed (npx ${pnpm} install --frozen-lockfile, exit code ${code})`);
  }
  writeFileSync(stamp, wanted);
}

/** Compiles all packages, incrementally; says something only when that fails. */
export async function build() {
  const { code, output } = await capture(process.execPath, [binOf('typescript', 'tsc'), '-b', dev], {
    cwd: root,
  });
  if (code !== 0) {
    process.stderr.write(output);
    throw new StepFailed('the build failed: see the compiler messages above');
  }
  for (const dir of packageDirs()) pruneDist(join(root, dir));
  await Promise.all(packageDirs().map((dir) => bundle(join(root, dir))));
}

/** The compiler leaves behind what it built from a source that is gone; no test may pass by that. @param {string} dir */
function pruneDist(dir) {
  const dist = join(dir, 'dist');
  if (!existsSync(dist)) return;
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (file.startsWith(BUNDLE)) continue;
    const source = /^(.*?)(\.d)?\.(m?)[jt]s(\.map)?$/.exec(file);
    if (source && !existsSync(join(dir, 'src', `${source[1]}.${source[3]}ts`))) rmSync(join(dist, file));
  }
}

/**
 * Runs a TypeScript program of the workspace; resolves to its exit code.
 * @param {string} file @param {readonly string[]} args @param {import('./process.mjs').RunOptions} [options]
 */
export function runTypeScript(file, args, options) {
  return run(process.execPath, [...typescriptArgs, join(root, file), ...args], { cwd: root, ...options });
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
  if (!supported) {
    throw new StepFailed(
      `Node ${process.versions.node} is too old: crowfly needs ${readJson('package.json').engines.node}`,
    );
  }
}
