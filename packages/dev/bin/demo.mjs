// npm run demo: everything on stdout comes from the demo itself, so `--json` stays one JSON object.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { main, StepFailed } from '../lib/process.mjs';
import { build, ensureInstalled, root, runTypeScript } from '../lib/workspace.mjs';

const demo = 'examples/demo/src/main.ts';

await main(async () => {
  if (!existsSync(join(root, demo))) throw new StepFailed(`there is no demo: ${demo} is missing`);
  await ensureInstalled();
  await build();
  return runTypeScript(demo, process.argv.slice(2), { interactive: true });
});
