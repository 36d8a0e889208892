import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PROGRAM = fileURLToPath(new URL('../src/instance.mjs', import.meta.url));

describe('an instance of the demo', function () {
  this.timeout(30_000);
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function start(): Promise<{ child: ChildProcess; url: string }> {
    const child = fork(PROGRAM, ['orders-1'], { execArgv: [] });
    children.push(child);
    const [{ port }] = await once(child, 'message');
    return { child, url: `http://127.0.0.1:${port}/v1/42` };
  }

  it('gives its name in each answer, healthy or failing', async () => {
    const { child, url } = await start();
    const healthy = await fetch(url);
    expect(healthy.status).to.equal(200);
    expect(await healthy.json()).to.deep.equal({ instance: 'orders-1', path: '/v1/42' });
    child.send('failing');
    let failing = await fetch(url);
    while (failing.status === 200) {
      await failing.text();
      failing = await fetch(url);
    }
    expect(failing.status).to.equal(503);
    expect(await failing.json()).to.include({ instance: 'orders-1' });
  });

  it('does not outlive the demo, however that ends', async () => {
    const { child } = await start();
    const exit = once(child, 'exit');
    child.disconnect();
    expect(await exit).to.deep.equal([0, null]);
  });

  it('finishes what it has when it is drained, then ends', async () => {
    const { child, url } = await start();
    child.send('slow');
    // Slow from the first call that takes its time: that one is what it has.
    let answered = Promise.resolve('');
    for (let slow = false; !slow; ) {
      answered = fetch(url).then((response) => response.text());
      slow = await Promise.race([answered.then(() => false), setTimeout(500, true)]);
    }
    const exit = once(child, 'exit');
    child.send('drain');
    expect(await answered).to.contain('orders-1');
    expect(await exit).to.deep.equal([0, null]);
    expect(await fetch(url).catch((error) => error.cause.code)).to.equal('ECONNREFUSED');
  });
});
