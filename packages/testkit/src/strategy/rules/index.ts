import type { StrategyRule } from '../rule.js';
import { COST_RULES } from './cost.js';
import { KEY_RULES } from './keys.js';
import { PICK_RULES } from './picks.js';
import { SHARE_RULES } from './shares.js';
import { START_RULES } from './starts.js';
import { STATE_RULES } from './state.js';

/** All of them, in the order of the suite. */
export const STRATEGY_RULES: readonly StrategyRule[] = [
  ...PICK_RULES,
  ...SHARE_RULES,
  ...START_RULES,
  ...STATE_RULES,
  ...KEY_RULES,
  ...COST_RULES,
];
