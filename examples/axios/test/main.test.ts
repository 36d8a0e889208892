import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

describe('the axios example', () => {
  it('runs to its end, and no call fails while an instance goes down', async function () {
    this.timeout(30_000);
    const program = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, program]);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).to.match(/^30 calls, three instances: \{.*one.*\}$/);
    expect(lines[1])
      .to.match(/^30 calls, one of them gone: \{.*\}$/)
      .and.not.match(/[{ ]one: \d/);
    expect(lines[2]).to.equal("placed: 201 { item: 'book' }");
    expect(lines[3]).to.match(/^all gone: E[A-Z]+ call-failed$/);
  });
});
