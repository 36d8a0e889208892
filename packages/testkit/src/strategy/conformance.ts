import { describe, it } from 'mocha';
import { type StrategyConformanceOptions, subjectOf } from './options.js';
import { runRule } from './rule.js';
import { STRATEGY_RULES } from './rules/index.js';

/**
 * Declares a mocha suite that holds a strategy to the contract of `Balancer`, and to what its author claims.
 *
 * Each rule is one test; its failure names the rule, what happened, what to do, and the seed that repeats it.
 *
 * @throws CrowflyError `bad-option`
 */
export function strategyConformance(options: StrategyConformanceOptions): void {
  const subject = subjectOf(options);
  describe(`${subject.name} keeps the rules of strategies`, () => {
    for (const rule of STRATEGY_RULES) {
      if (rule.applies?.(subject) === false) continue;
      it(rule.title, function () {
        this.timeout(30_000);
        runRule(rule, subject);
      });
    }
  });
}
