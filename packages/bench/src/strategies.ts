// npm run bench -- strategies [--json] [--seeds N]: what a pick costs, and what the strategies do to callers while
// servers are slow, failing, unequal or overloaded. The engine is the real one; time is virtual.
import { parseArgs } from 'node:util';
import { VirtualClock } from '@crowfly/core/testing';
import { defaultStrategy } from '@crowfly/strategies';
import { progress, report } from './lib/report.js';
import type { StrategyName } from './strategies/compared.js';
import { measurePicks } from './strategies/picks.js';
import { runSimulations } from './strategies/simulations.js';
import { measureWeights } from './strategies/weights.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, seeds: { type: 'string', default: '3' } },
});
const seeds = Number(values.seeds);
if (!Number.isInteger(seeds) || seeds < 1)
  throw new RangeError('--seeds: expected a whole number of at least 1');

const theDefault = defaultStrategy()({ clock: new VirtualClock(), random: Math.random }).name as StrategyName;
const results = [
  ...(await measurePicks()),
  ...(await measureWeights()),
  ...(await runSimulations(seeds, theDefault)),
];
progress('');
report(results, { json: values.json, packages: ['@crowfly/core', '@crowfly/strategies'] });
