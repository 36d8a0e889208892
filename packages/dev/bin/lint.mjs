// npm run lint [-- --fix] [paths]: style and lint rules, over the whole workspace by default.
import { lint } from '../lib/checks.mjs';
import { main } from '../lib/process.mjs';
import { ensureInstalled } from '../lib/workspace.mjs';

await main(async () => {
  await ensureInstalled();
  const args = process.argv.slice(2);
  await lint({ fix: args.includes('--fix'), paths: args.filter((arg) => !arg.startsWith('-')) });
});
