import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { file } from '@crowfly/registry-static';
import { expect } from 'chai';
import { createDiscovery } from 'crowfly';

const program = fileURLToPath(new URL('support/instance.mjs', import.meta.url));
/** A call every so many milliseconds, whatever became of those before. */
const EVERY_MS = 4;

describe('a rolling update of three instances with gracefulShutdown', function () {
  this.timeout(60_000);
  const children: ChildProcess[] = [];
  const executed = new Map<string, number>();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crowfly-rolling-'));
  });
  after(async () => {
    for (const child of children) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  const start = async () => {
    const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    children.push(child);
    const [{ port }] = await once(child, 'message');
    child.on('message', ({ executed: id }: { executed: string }) => {
      executed.set(id, (executed.get(id) ?? 0) + 1);
    });
    return { child, port: port as number };
  };

  it('costs no caller an error, and executes no POST twice', async () => {
    const path = join(folder, 'services.yaml');
    const write = async (instances: readonly { port: number }[]): Promise<void> => {
      const list = instances.map(({ port }) => `    - 127.0.0.1:${port}\n`).join('');
      await writeFile(`${path}.new`, `services:\n  orders:\n${list}`);
      await rename(`${path}.new`, path);
    };
    let instances = [await start(), await start(), await start()];
    await write(instances);
    const discovery = createDiscovery({ registry: file(path), logger: false, env: false });

    const failures: string[] = [];
    const calls: Promise<void>[] = [];
    const call = async (id: string): Promise<void> => {
      try {
        const response = await discovery.fetch('http://orders/', { method: 'POST', body: id });
        if ((await response.text()) !== id || response.status !== 200)
          failures.push(`${id}: ${response.status}`);
      } catch (error) {
        failures.push(`${id}: ${error}`);
      }
    };
    const timer = setInterval(() => calls.push(call(`order-${calls.length}`)), EVERY_MS);
    const callsMore = async (count: number): Promise<void> => {
      const target = calls.length + count;
      while (calls.length < target) await new Promise((resolve) => setTimeout(resolve, 5));
    };

    await callsMore(100);
    for (const old of instances) {
      const next = await start();
      instances = [...instances.filter((instance) => instance !== old), next];
      await write(instances);
      old.child.kill('SIGTERM');
      const [code, signal] = await once(old.child, 'exit');
      expect([code, signal]).to.deep.equal([0, null]);
    }
    await callsMore(100);
    clearInterval(timer);
    await Promise.all(calls);
    await discovery.close();

    expect(failures).to.deep.equal([]);
    expect(calls.length).to.be.above(500);
    for (const [id, times] of executed) expect(times, id).to.equal(1);
    expect(executed.size).to.equal(calls.length);
  });
});
