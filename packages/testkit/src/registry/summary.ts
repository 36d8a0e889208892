import type { Check } from './check.js';
import { RULES, type Rule } from './rules.js';

const ORDER = Object.keys(RULES);

/** What was checked, and what was not and why: printed at the end, so that nobody takes a rule that was left out for one that holds. */
export class Summary {
  readonly #name: string;
  readonly #kept = new Map<Rule, number>();
  readonly #broken = new Map<Rule, number>();
  readonly #leftOut = new Map<string, string[]>();
  readonly #notes = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  kept({ rule }: Check): void {
    this.#kept.set(rule, (this.#kept.get(rule) ?? 0) + 1);
  }

  broken({ rule }: Check): void {
    this.#broken.set(rule, (this.#broken.get(rule) ?? 0) + 1);
  }

  leftOut({ rule, title }: Check, reason: string): void {
    const key = `${label(rule)}: ${reason}`;
    this.#leftOut.set(key, [...(this.#leftOut.get(key) ?? []), title]);
  }

  note(notes: readonly string[]): void {
    for (const note of notes) this.#notes.add(note);
  }

  lines(): string[] {
    return [
      `${this.#name}: kept ${list(this.#kept)}`,
      ...(this.#broken.size > 0 ? [`  broken, ${list(this.#broken)}`] : []),
      ...[...this.#leftOut].map(
        ([key, titles]) =>
          `  left out, ${key} (${titles.length} ${titles.length === 1 ? 'check' : 'checks'})`,
      ),
      ...[...this.#notes].map((note) => `  note, ${note}`),
    ];
  }
}

/** `rule 1 (3), rule 2 (6)`: each with the number of its checks. */
function list(counts: ReadonlyMap<Rule, number>): string {
  const sorted = [...counts].sort(([a], [b]) => ORDER.indexOf(String(a)) - ORDER.indexOf(String(b)));
  return sorted.map(([rule, count]) => `${label(rule)} (${count})`).join(', ') || 'nothing';
}

function label(rule: Rule): string {
  return typeof rule === 'number' ? `rule ${rule}` : rule;
}
