// The static checks: style and types of what the build does not compile.
import { join } from 'node:path';
import { run, StepFailed } from './process.mjs';
import { binOf, dev, root } from './workspace.mjs';

/** @param {{ fix?: boolean, paths?: readonly string[] }} [options] */
export async function lint({ fix = false, paths = [] } = {}) {
  const config = join(dev, 'config', 'workspace.biome.json');
  const args = ['check', '--config-path', config, '--error-on-warnings', ...(fix ? ['--write'] : [])];
  const code = await run(
    process.execPath,
    [binOf('@biomejs/biome', 'biome'), ...args, ...(paths.length > 0 ? paths : ['.'])],
    { cwd: root },
  );
  if (code !== 0) throw new StepFailed('the lint failed: `npm run lint -- --fix` repairs what it can');
}

/** Type-checks tests, examples and the workspace's own scripts against the built packages. */
export async function typeCheck() {
  const project = join(dev, 'config', 'tsconfig.tests.json');
  const code = await run(process.execPath, [binOf('typescript', 'tsc'), '-p', project], { cwd: root });
  if (code !== 0) throw new StepFailed('the type check of tests and examples failed: see the messages above');
}
