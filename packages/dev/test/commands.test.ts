import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseSync } from 'oxc-parser';

const bin = new URL('../bin/', import.meta.url);

/** The packages that a module imports at its start, itself or through modules of ours. */
function packagesOf(module: URL, seen = new Set<string>()): string[] {
  if (seen.has(module.href)) return [];
  seen.add(module.href);
  const { staticImports } = parseSync(module.pathname, readFileSync(module, 'utf8')).module;
  return staticImports.flatMap(({ moduleRequest: { value } }) => {
    if (value.startsWith('.')) return packagesOf(new URL(value, module), seen);
    return value.startsWith('node:') ? [] : [value];
  });
}

describe('on a fresh clone', () => {
  for (const command of readdirSync(bin)) {
    it(`${command} imports no package before it has installed them`, () => {
      expect(packagesOf(new URL(command, bin))).to.deep.equal([]);
    });
  }
});
