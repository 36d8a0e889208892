// Lets Node run the workspace's TypeScript: `node --import <this file> program.ts`. Only .ts files are touched, so
// that the built packages run exactly as a user gets them (tsx would rewrite their dynamic imports).
import { existsSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformSync } from 'esbuild';

const TYPESCRIPT = /\.m?ts(\?.*)?$/;

/** As TypeScript wants it, `./x.js` may mean x.ts. @type {import('node:module').ResolveHook} */
export const resolve = (specifier, context, next) => {
  if (
    context.parentURL !== undefined &&
    TYPESCRIPT.test(context.parentURL) &&
    /^\.\.?\/.*\.m?js$/.test(specifier)
  ) {
    const source = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
    if (existsSync(source)) return next(source.href, context);
  }
  return next(specifier, context);
};

/** @type {(url: string, context: import('node:module').LoadHookContext, next: (...args: any[]) => any) => any} */
export const load = (url, context, next) => {
  if (!url.startsWith('file:') || !TYPESCRIPT.test(url)) return next(url, context);
  const sourcefile = fileURLToPath(url);
  const { code } = transformSync(readFileSync(sourcefile, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    target: 'es2022',
    sourcefile,
    sourcemap: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
};

// Where Node has hooks in the same thread, they are used; the older way loads this file again, in a thread of its own.
const { registerHooks } = /** @type {any} */ (nodeModule);
if (registerHooks) registerHooks({ resolve, load });
else if (isMainThread) nodeModule.register(import.meta.url);
