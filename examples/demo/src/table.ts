/** A line of text, and what it means for the eye. */
export interface Line {
  readonly text: string;
  readonly tone?: 'good' | 'bad' | 'warn' | 'quiet' | 'title';
}

/** A column: its head, its cells, and to which side they lean. */
export interface Column {
  readonly head: string;
  readonly align?: 'left' | 'right';
}

/** Rows as text, each column as wide as its widest cell; the head comes first. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map(({ head }) => head), ...rows];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all.map((row) =>
    columns
      .map(({ align }, at) => {
        const cell = row[at] ?? '';
        const width = widths[at] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

const CODES = { good: 32, bad: 31, warn: 33, quiet: 2, title: 1 } as const;

/** The line cut to the width of the terminal, coloured if that is wanted. */
export function render({ text, tone }: Line, columns: number, colors: boolean): string {
  const fitting = text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
  return tone === undefined || !colors ? fitting : `\x1b[${CODES[tone]}m${fitting}\x1b[0m`;
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;
export const milliseconds = (ms: number): string => `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
export const count = (value: number): string => value.toLocaleString('en');
