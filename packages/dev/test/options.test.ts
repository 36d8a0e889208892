import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { DEFAULTS, GRACEFUL_SHUTDOWN_DEFAULTS } from 'crowfly';

/** `timeouts.connectMs` -> 1000, as the page writes them. */
function flatten(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value)) return [[path, value.join(', ')]];
  if (typeof value !== 'object' || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, entry]) =>
    flatten(entry, path === '' ? key : `${path}.${key}`),
  );
}

/** The second cell of each row whose first is an option. */
async function rowsOf(name: string): Promise<Map<string | undefined, string | undefined>> {
  const page = await readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
  return new Map([...page.matchAll(/^\| `([\w.]+)` \| ([^|]*) \|/gm)].map((row) => [row[1], row[2]?.trim()]));
}

describe('docs/options.md', () => {
  it('shows every default as it is in the constant', async () => {
    const rows = await rowsOf('options.md');
    for (const [path, value] of flatten(DEFAULTS, '')) {
      expect(rows.get(path), path).to.equal(value);
    }
  });
});

describe('docs/graceful-shutdown.md', () => {
  it('shows every default as it is in the constant', async () => {
    const rows = await rowsOf('graceful-shutdown.md');
    for (const [option, value] of Object.entries(GRACEFUL_SHUTDOWN_DEFAULTS)) {
      const code = Array.isArray(value) ? `['${value.join("', '")}']` : String(value);
      expect(rows.get(option)?.replaceAll('`', ''), option).to.equal(code);
    }
  });
});
