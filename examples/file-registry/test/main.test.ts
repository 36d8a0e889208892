import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

describe('the example of the file registry', () => {
  it('runs to its end: changes are followed, and a broken file changes nothing', async function () {
    this.timeout(30_000);
    const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, program]);
    const lines = stdout.trim().split('\n');
    const broken = lines.splice(3, 1)[0];
    expect(lines).to.deep.equal([
      'as written at the start: one two',
      'one more line: one three two',
      'the first one drains: three two',
      'calls go on: three two',
      'it is mended: three two',
    ]);
    expect(broken).to.match(/^the file breaks: CrowflyError: \/services\.yaml:\d+:\d+: /);
  });
});
