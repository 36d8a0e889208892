import type { Check } from './check.js';
import { RULES, type Rule } from './rules.js';

const ORDER = Object.keys(RULES);

/** What was checked, and what was not and why: printed at the end, so that nobody takes a rule that was left out for one that holds. */
export class Summary {
  readonly #name: string;
  readonly #ran = new Map<Rule, number>();
  readonly #leftOut = new Map<string, string[]>();
  readonly #notes = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  ran({ rule }: Check): void {
    this.#ran.set(rule, (this.#ran.get(rule) ?? 0) + 1);
  }

  leftOut({ rule, title }: Check, reason: string): void {
    const key = `${label(rule)}: ${reason}`;
    this.#leftOut.set(key, [...(this.#leftOut.get(key) ?? []), title]);
  }

  note(notes: readonly string[]): void {
    for (const note of notes) this.#notes.add(note);
  }

  lines(): string[] {
    const kept = [...this.#ran].sort(([a], [b]) => ORDER.indexOf(String(a)) - ORDER.indexOf(String(b)));
    return [
      `${this.#name}: kept ${kept.map(([rule, count]) => `${label(rule)} (${count})`).join(', ') || 'nothing'}`,
      ...[...this.#leftOut].map(([key, titles]) => `  left out, ${key} (${titles.length} ${titles.length === 1 ? 'check' : 'checks'})`),
      ...[...this.#notes].map((note) => `  note, ${note}`),
    ];
  }
}

function label(rule: Rule): string {
  return typeof rule === 'number' ? `rule ${rule}` : rule;
}
