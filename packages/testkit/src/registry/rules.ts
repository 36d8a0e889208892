import { AssertionError } from 'node:assert';

/** What the suite asserts, by the names that failures start with. Rules 1 to 11 are the contract of registries. */
export const RULES = {
  1: 'sets are whole and immutable',
  2: 'unknown, empty and populated are told apart; an error changes nothing',
  3: 'equal content is not emitted again; order and ids are stable',
  4: 'the final state is always delivered',
  5: 'a gap leads to an atomic resync',
  6: 'a malformed entry is skipped and reported; a malformed whole is an error',
  7: 'abort ends all I/O and timers at once',
  8: 'a connection that died in silence is noticed',
  9: 'credentials are read again; a denial is an error of its own',
  10: 'the request rate stays bounded',
  11: 'hostile values cost an entry or a typed error',
  locate: 'pure and canonical, never throws for foreign names',
  id: 'stable, and free of secrets',
  isolation: 'services and registries do not disturb each other',
  close: 'idempotent, leaves nothing',
} as const;

export type Rule = keyof typeof RULES;

/** `rule 3 (equal content is not emitted again; ...)`, `locate (pure and canonical, ...)`. */
export function ruleTitle(rule: Rule): string {
  return `${typeof rule === 'number' ? `rule ${rule}` : rule} (${RULES[rule]})`;
}

/** An adapter broke a rule: `what` happened, and `fix`: what its author should do. */
export class Breach extends AssertionError {
  readonly rule: Rule;

  constructor(rule: Rule, what: string, fix: string, cause?: unknown) {
    super({ message: `${ruleTitle(rule)}: ${what}. ${fix}.` });
    this.rule = rule;
    if (cause !== undefined) this.cause = cause;
  }
}
