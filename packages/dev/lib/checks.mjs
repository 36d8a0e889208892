// The static checks: style and types of what the build does not compile.
import { join } from 'node:path';
import { run, StepFailed } from './process.mjs';
import { binOf, dev, root } from './workspace.mjs';

/** @param {{ fix?: boolean, paths?: readonly string[] }} [options] */
export async function lint({ fix = false, paths = [] } = {}) {
  const config = join(dev, 'config', 'workspace.biome.json');
  // The folder of the ignore file is taken from where biome runs, and not from where its configuration stands.
  const args = ['check', '--config-path', config, '--vcs-root', '.', '--error-on-warnings'];
  const code = await run(
    process.execPath,
    [
      binOf('@biomejs/biome', 'biome'),
      ...args,
      ...(fix ? ['--write'] : []),
      ...(paths.length > 0 ? paths : ['.']),
    ],
    { cwd: root },
  );
  if (code !== 0)
    throw new StepFailed('the lint failed: see above; `npm run lint -- --fix` repairs most findings');
}

/** Type-checks tests, examples and the workspace's own scripts against the built packages. */
export async function typeCheck() {
  const project = join(dev, 'config', 'tsconfig.tests.json');
  const code = await run(process.execPath, [binOf('typescript', 'tsc'), '-p', project], { cwd: root });
  if (code !== 0) throw new StepFailed('the type check of tests and examples failed: see the messages above');
}
