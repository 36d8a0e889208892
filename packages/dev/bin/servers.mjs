// npm run servers -- <kind> [--json]: a real registry server until Ctrl-C; without a kind, lists them.
import { main, StepFailed } from '../lib/process.mjs';
import { build, ensureInstalled } from '../lib/workspace.mjs';

await main(async () => {
  await ensureInstalled();
  await build();
  const { ServersError, serve } = await import('@crowfly/servers');
  try {
    await serve(process.argv.slice(2));
  } catch (error) {
    if (error instanceof ServersError) throw new StepFailed(error.message);
    throw error;
  }
});
