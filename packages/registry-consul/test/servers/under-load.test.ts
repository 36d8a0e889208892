import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Consul, requireConsul, until } from '@crowfly/servers';
import { expect } from 'chai';
import { createDiscovery, type Discovery } from 'crowfly';
import { consul } from '../../dist/index.js';

const INSTANCE = fileURLToPath(new URL('./support/instance.mjs', import.meta.url));
/** 200 calls a second. */
const EVERY_MS = 5;
const LATE_MS = 3_000;

/** A process that serves, registered; it ends with the test, whatever happens. */
class Instance {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ended: Promise<number | null>;

  constructor(address: string) {
    this.child = spawn(process.execPath, [INSTANCE, address], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.ready = new Promise((resolve) => this.child.stdout?.once('data', () => resolve()));
    this.ended = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)));
  }
}

/** Calls at a steady rate while `act` goes on. */
async function calling(
  discovery: Discovery,
  act: () => Promise<void>,
): Promise<{ calls: number; failures: string[] }> {
  const failures: string[] = [];
  const under = new Set<Promise<void>>();
  let calls = 0;
  const one = async (): Promise<void> => {
    calls++;
    try {
      const response = await discovery.fetch('http://orders/', { signal: AbortSignal.timeout(LATE_MS) });
      await response.text();
      if (response.status >= 500) failures.push(`status ${response.status}`);
    } catch (error) {
      failures.push(String(error));
    }
  };
  const timer = setInterval(() => {
    const call = one().finally(() => under.delete(call));
    under.add(call);
  }, EVERY_MS);
  try {
    await act();
  } finally {
    clearInterval(timer);
    await Promise.all(under);
  }
  return { calls, failures };
}

describe('calls to instances that register themselves, 200 a second', function () {
  this.timeout(180_000);
  let agent: Consul;
  let instances: Instance[] = [];
  let discovery: Discovery;
  beforeEach(async function () {
    agent = await requireConsul(this);
    instances = Array.from({ length: 4 }, () => new Instance(agent.origin));
    await Promise.all(instances.map(({ ready }) => ready));
    discovery = createDiscovery({ registry: consul({ address: agent.origin }), env: false, logger: false });
    await until('four', async () => (await discovery.instances('orders')).length === 4);
  });
  afterEach(async () => {
    await discovery?.close();
    for (const { child } of instances) child.kill('SIGKILL');
    await Promise.all(instances.map(({ ended }) => ended));
    instances = [];
    await agent?.close();
  });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

  it('none fails while a deploy replaces every instance by SIGTERM, and none stays behind in Consul', async () => {
    const { calls, failures } = await calling(discovery, async () => {
      for (const old of [...instances]) {
        const fresh = new Instance(agent.origin);
        instances.push(fresh);
        await fresh.ready;
        old.child.kill('SIGTERM');
        expect(await old.ended, 'it ends in order').to.equal(0);
      }
    });
    console.log(`      a rolling deploy: ${calls} calls, ${failures.length} failed`);
    expect(failures).to.deep.equal([]);
    expect(Object.keys(await agent.services())).to.have.length(4);
  });

  it('none fails when an instance is killed with -9, and it is left alone at once', async () => {
    const tries = new Map<string, number>();
    const [victim] = instances;
    const before = await discovery.instances('orders');
    discovery.on('retry', ({ reason }) => tries.set(reason, (tries.get(reason) ?? 0) + 1));
    let ejected = 0;
    discovery.on('ejected', () => ejected++);
    const { calls, failures } = await calling(discovery, async () => {
      await pause(1_000);
      victim?.child.kill('SIGKILL');
      await pause(3_000);
    });
    const retried = [...tries.values()].reduce((sum, count) => sum + count, 0);
    console.log(`      kill -9: ${calls} calls, ${failures.length} failed, ${retried} tried elsewhere`);
    expect(before).to.have.length(4);
    expect(failures).to.deep.equal([]);
    expect(ejected).to.equal(1);
    // Those in flight when it died, and those until it was noticed.
    expect(retried).to.be.within(1, 20);
  });

  it('none fails while Consul is down and two of four instances die', async () => {
    const { calls, failures } = await calling(discovery, async () => {
      await agent.process.kill();
      await pause(2_000);
      instances[0]?.child.kill('SIGKILL');
      await pause(2_000);
      instances[1]?.child.kill('SIGKILL');
      await pause(6_000);
      await agent.process.start();
      // The two that live register again with an agent that knows nothing, and the set shrinks to them.
      await until('two', async () => (await discovery.instances('orders')).length === 2, {
        withinMs: 60_000,
      });
    });
    console.log(`      Consul down: ${calls} calls, ${failures.length} failed`);
    expect(failures).to.deep.equal([]);
  });
});
