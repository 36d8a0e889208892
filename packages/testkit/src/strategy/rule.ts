import { AssertionError } from 'node:assert';
import type { StrategyConformanceOptions, Subject } from './options.js';

/** One thing that a strategy must do. */
export interface StrategyRule {
  /** Begins the message of every failure. */
  readonly title: string;
  /** Whether it is asked of a strategy with these claims. Default: of every one. */
  readonly applies?: (claims: StrategyConformanceOptions) => boolean;
  /** @throws Breach */
  check(subject: Subject): void;
}

/** A strategy broke a rule. */
export class Breach extends AssertionError {
  /** @param what happened, and what the author of the strategy should do about it */
  constructor(what: string) {
    super({ message: what });
  }
}

/** Runs one rule. @throws AssertionError naming the rule, the breach, and the seed that repeats it */
export function runRule(rule: StrategyRule, subject: Subject): void {
  try {
    rule.check(subject);
  } catch (error) {
    const what = error instanceof Breach ? error.message : `it threw: ${String(error)}`;
    const failure = new AssertionError({
      message: `rule '${rule.title}': ${what} (repeat with seed: ${subject.seed})`,
    });
    failure.cause = error;
    throw failure;
  }
}
