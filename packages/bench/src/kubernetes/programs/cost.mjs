import { createRequire } from 'node:module';

/** Tells the parent what this process has cost since it began. Imports nothing that would cost by itself. */
export function tellCost() {
  const ms = performance.now();
  const { user, system } = process.cpuUsage();
  const mb = process.memoryUsage.rss() / 2 ** 20;
  const { cache } = createRequire(import.meta.url);
  const early = Object.keys(cache).some((file) => /[\\/]undici[\\/]/.test(file)) ? ['undici'] : [];
  if (process.moduleLoadList.some((name) => name.includes('deps/undici'))) early.push('built-in undici');
  process.once('disconnect', () => process.exit());
  process.send?.({ ms, cpuMs: (user + system) / 1000, mb, early });
}
