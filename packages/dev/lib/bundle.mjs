// Published packages are also built into one file for each entry: Node takes about half a millisecond and 60 kB for each
// module of its own, and a process pays that at every start.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Below `dist`: what `exports` names. */
export const BUNDLE = 'bundle';

/** @param {string} dir absolute, of a package that is compiled */
export async function bundle(dir) {
  const { exports = {} } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const targets = Object.values(exports).map((conditions) => String(conditions?.default));
  const entries = targets.filter((target) => target.startsWith(`./dist/${BUNDLE}/`));
  if (entries.length === 0) return;
  // Here, and not above: commands load this file before they have installed anything.
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: dir,
    entryPoints: entries.map((target) => target.replace(`/${BUNDLE}/`, '/')),
    outbase: 'dist',
    outdir: join('dist', BUNDLE),
    bundle: true,
    // What is loaded by import() stays apart, and what entries share is there once.
    splitting: true,
    chunkNames: '[name]-[hash]',
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    sourcesContent: false,
    write: false,
    logLevel: 'error',
  });
  const folder = join(dir, 'dist', BUNDLE);
  const written = new Set();
  for (const { path, text } of outputFiles) {
    written.add(relative(folder, path));
    mkdirSync(dirname(path), { recursive: true });
    // Whoever runs it at this moment is not disturbed.
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
  }
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !written.has(relative(folder, path))) rmSync(path);
  }
}
