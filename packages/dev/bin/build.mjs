// npm run build: compiles every package into its dist folder.
import { main } from '../lib/process.mjs';
import { build, ensureInstalled } from '../lib/workspace.mjs';

await main(async () => {
  await ensureInstalled();
  await build();
});
