import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const program = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));

describe('the fetch example', function () {
  this.timeout(30_000);
  let folder: string;
  let orders: ChildProcess;
  const addresses: string[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'crowfly-fetch-'));
    orders = spawn(process.execPath, [program('orders.mjs'), '0', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: orders.stdout! })) {
      addresses.push(line.split(' ').at(-1)!);
      if (addresses.length === 2) break;
    }
    const list = addresses.map((address) => `    - ${address}\n`).join('');
    writeFileSync(join(folder, 'services.yaml'), `services:\n  orders:\n${list}`);
  });
  after(() => {
    orders.kill();
    rmSync(folder, { recursive: true });
  });

  it('calls the instances by the name of their service, and ends by itself', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program('main.mjs')], { cwd: folder });
    const lines = stdout.trim().split('\n');
    expect(lines).to.have.length(10);
    const ports = addresses.map((address) => address.split(':')[1]).join('|');
    lines.forEach((line, index) => {
      const id = 40 + index;
      const answer = `order ${id}, says the instance on port (${ports})`;
      expect(line).to.match(new RegExp(`^200 http://orders/v1/${id} ${answer}$`));
    });
  });
});
