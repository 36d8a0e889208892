import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, platform } from 'node:os';

/** One figure of a benchmark or a simulation. */
export interface Result {
  readonly name: string;
  readonly value: number;
  /** `%`, `x`, `ms`, ... */
  readonly unit: string;
  /** What the value must be, such as `>= 99.5`; absent for a figure that is only shown. */
  readonly goal?: string;
  /** The same figure of others, or of published measurements, by name. */
  readonly peers: Readonly<Record<string, number>>;
  /** Whether the goal is met; `true` without one. */
  readonly pass: boolean;
}

/** What every command that measures prints with `--json`. */
export interface Report {
  readonly machine: { readonly platform: string; readonly cpu: string; readonly cores: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly Result[];
}

/** At least, or at most, this much. */
export type Goal = readonly ['>=' | '<=', number];

export function result(
  name: string,
  value: number,
  unit: string,
  options: { goal?: Goal | undefined; peers?: Readonly<Record<string, number>> } = {},
): Result {
  const { goal, peers = {} } = options;
  const base = { name, value: round(value), unit, peers };
  if (goal === undefined) return { ...base, pass: true };
  const [relation, bound] = goal;
  return { ...base, goal: `${relation} ${bound}`, pass: relation === '>=' ? value >= bound : value <= bound };
}

/** Prints the results, as one JSON object or as a table, and fails the process when a goal was missed. */
export function report(
  results: readonly Result[],
  options: { json: boolean; packages?: readonly string[] },
): void {
  const whole: Report = {
    machine: {
      platform: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
    },
    versions: versions(options.packages ?? ['@crowfly/core']),
    results,
  };
  if (options.json) console.log(JSON.stringify(whole, undefined, 2));
  else console.log(table(whole));
  if (results.some(({ pass }) => !pass)) process.exitCode = 1;
}

/** Says on stderr, at a terminal, what is being done; a report follows on stdout. */
export function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function versions(packages: readonly string[]): Record<string, string> {
  const require = createRequire(import.meta.url);
  const found: Record<string, string> = { node: process.versions.node, v8: process.versions.v8 };
  for (const name of packages) {
    const main = require.resolve(name);
    const manifest = `${main.slice(0, main.lastIndexOf('/dist/'))}/package.json`;
    found[name] = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  }
  return found;
}

function table({ machine, versions, results }: Report): string {
  const rows = results.map(({ name, value, unit, goal, peers, pass }) => [
    name,
    `${value} ${unit}`,
    goal === undefined ? '' : `${pass ? 'ok    ' : 'MISSED'} ${goal}`,
    Object.entries(peers)
      .map(([peer, figure]) => `${peer} ${figure}`)
      .join(', '),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const missed = results.filter(({ pass }) => !pass).length;
  const about = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.platform}, ${machine.cores} x ${machine.cpu}; ${about.join(', ')}`,
    ...lines,
    missed === 0 ? 'every goal is met' : `missed: ${missed} ${missed === 1 ? 'goal' : 'goals'}`,
  ].join('\n');
}

/** Four digits say enough. */
function round(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}
