import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

describe('the example of graceful shutdown', () => {
  it('runs to its end: the probe fails, orders are answered, the exit code is 0', async function () {
    this.timeout(30_000);
    const program = fileURLToPath(new URL('../src/main.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program]);
    const lines = stdout.trim().split('\n');
    // At the very first it may have been asked before the signal was handled.
    expect(
      lines.filter((line) => line !== 'then:   /ready 200 serving, connection: keep-alive'),
    ).to.deep.equal([
      'before: /ready 200 serving, connection: keep-alive',
      'before: /v1/42 200 an order, connection: keep-alive',
      'crowfly: SIGTERM: serving for another 2000 ms, then closing',
      'then:   /ready 503 draining, connection: close',
      'then:   orders are still answered',
      'orders: the last request is answered',
      'exit code 0',
    ]);
  });
});
