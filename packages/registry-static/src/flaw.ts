/** Where something stands in the data: keys and positions from the top. */
export type Path = readonly (string | number)[];

/** What is wrong with one value; the reader's answer instead of the value. */
export class Flaw {
  readonly code: string;
  readonly text: string;

  constructor(code: string, text: string) {
    this.code = code;
    this.text = text;
  }
}

/** Something wrong with an entry. `skipped`: it cost the entry. */
export interface EntryFlaw {
  readonly code: string;
  readonly text: string;
  readonly at: Path;
  readonly skipped: boolean;
  /** What to call the entry, when the flaw is an entry's: its id or address. */
  readonly entry?: string;
}

/** Data that cannot be read as a whole. Never leaves the package: each registry turns it into its own CrowflyError. */
export class Malformed extends Error {
  readonly at: Path;

  constructor(at: Path, message: string) {
    super(message);
    this.at = at;
  }
}

/** `inline.orders[1].port`, `services['orders.shop'][0]`. */
export function showPath(root: string, path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!/^[\w-]{1,100}$/.test(step)) return `${text}[${JSON.stringify(step.slice(0, 100))}]`;
    return text === '' ? step : `${text}.${step}`;
  }, root);
}
