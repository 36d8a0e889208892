import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/adapters.md', () => {
  it('shows the adapter of examples/custom-registry as it is', () => {
    expect(read('docs/adapters.md')).to.include(
      `\n${read('examples/custom-registry/src/registry.ts')}\`\`\`\n`,
    );
  });

  it('shows an adapter of about thirty lines', () => {
    const code = read('examples/custom-registry/src/registry.ts')
      .split('\n')
      .filter((line) => !/^\s*(\/\*\*.*|import .*)?$/.test(line));
    expect(code.length).to.be.at.most(30);
  });
});
