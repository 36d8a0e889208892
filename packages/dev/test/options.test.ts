import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { DEFAULTS } from 'crowfly';

/** `timeouts.connectMs` -> 1000, as the page writes them. */
function flatten(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value)) return [[path, value.join(', ')]];
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, entry]) =>
    flatten(entry, path === '' ? key : `${path}.${key}`),
  );
}

describe('docs/options.md', () => {
  it('shows every default as it is in the constant', async () => {
    const page = await readFile(new URL('../../../docs/options.md', import.meta.url), 'utf8');
    const rows = new Map(
      [...page.matchAll(/^\| `([\w.]+)` \| ([^|]*) \|/gm)].map((row) => [row[1], row[2]?.trim()]),
    );
    for (const [path, value] of flatten(DEFAULTS, '')) {
      expect(rows.get(path), path).to.equal(value);
    }
  });
});
