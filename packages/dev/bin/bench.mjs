// npm run bench -- <suite>: runs packages/bench/src/<suite>.ts; without a suite, lists them.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { main, StepFailed } from '../lib/process.mjs';
import { build, ensureInstalled, root, runTypeScript } from '../lib/workspace.mjs';

const folder = 'packages/bench/src';
const [suite, ...args] = process.argv.slice(2);

await main(async () => {
  const suites = existsSync(join(root, folder))
    ? readdirSync(join(root, folder)).flatMap((file) => /^([\w-]+)\.ts$/.exec(file)?.[1] ?? [])
    : [];
  const list =
    suites.length > 0 ? `the suites are: ${suites.join(', ')}` : `there is no suite in ${folder} yet`;
  if (suite === undefined) {
    console.log(`npm run bench -- <suite>: ${list}`);
    return;
  }
  if (!suites.includes(suite)) throw new StepFailed(`no benchmark is called ${suite}: ${list}`);
  await ensureInstalled();
  await build();
  return runTypeScript(`${folder}/${suite}.ts`, args, { interactive: true });
});
