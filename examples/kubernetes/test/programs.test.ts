import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const program = (name: string): string => fileURLToPath(new URL(`../src/${name}`, import.meta.url));

describe('the programs of the Kubernetes example', function () {
  this.timeout(30_000);
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function startOrders(pod: string): Promise<{ child: ChildProcess; origin: string }> {
    const child = spawn(process.execPath, [program('orders.mjs')], {
      env: { ...process.env, HOSTNAME: pod, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout! });
    const [line] = (await once(lines, 'line')) as [string];
    return { child, origin: `http://127.0.0.1:${line.split(' ').at(-1)}` };
  }

  it('work on a laptop without a cluster: the client says which instances answered', async () => {
    const [one, two] = [await startOrders('orders-1'), await startOrders('orders-2')];
    const { stdout } = await promisify(execFile)(process.execPath, [program('web.mjs')], {
      env: { ...process.env, CROWFLY_ORDERS: `${one.origin},${two.origin}`, ROUNDS: '1' },
    });
    const [calls, explained, ...rows] = stdout.trim().split('\n');
    const counts = [...(calls ?? '').matchAll(/ orders-[12] (\d+)/g)].map(([, count]) => Number(count));
    expect(
      counts.reduce((sum, count) => sum + count, 0),
      calls,
    ).to.equal(20);
    expect(explained).to.match(/lists 2; 2 can be picked$/);
    expect(rows).to.have.length(2);
  });

  it('say what is wrong, and go on', async () => {
    const { stderr } = await promisify(execFile)(process.execPath, [program('web.mjs')], {
      env: { ...process.env, CROWFLY_ORDERS: 'http://127.0.0.1:9', ROUNDS: '1' },
    });
    expect(stderr).to.match(/^orders cannot be called: CrowflyError: 'orders.*ECONNREFUSED/m);
  });

  it('leave as gracefulShutdown has it: not ready first, and still answering', async () => {
    const { child, origin } = await startOrders('orders-1');
    const ready = async (): Promise<number> => (await fetch(`${origin}/ready`)).status;
    expect(await ready()).to.equal(200);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    while ((await ready()) === 200);
    const response = await fetch(`${origin}/v1/42`);
    expect(await response.json()).to.deep.equal({ order: '42', pod: 'orders-1' });
    expect(await exit).to.deep.equal([0, null]);
  });
});
