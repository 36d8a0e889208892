import { execFile } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { promisify } from 'node:util';
import { type CrowflyFetch, createFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { collect } from './support/collect.ts';
import { rejection, until, World } from './support/world.ts';

const long = process.env.CROWFLY_LONG === '1';

describe('what calls leave behind', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  /** Believes at once that instances left. */
  const trusting = { defaults: { guard: { maxLossShare: 1 } } };

  it('no connection to an instance that left, once the last answer has arrived', async () => {
    let finish = (): void => {};
    const leaving = await world.instance((request, response) => {
      if (request.url === '/') return void response.end('a');
      response.write('first ');
      finish = () => response.end('last');
    });
    const staying = await world.instance((_request, response) => response.end('b'));
    world.registry.put('orders', leaving.endpoint, staying.endpoint);
    const fetch = world.fetch(trusting);
    const slow = await fetch('http://orders/slow'); // the first try of all goes to the first instance
    await (await fetch('http://orders/')).text();
    await (await fetch('http://orders/')).text();
    expect([leaving.sockets.size, staying.sockets.size]).to.deep.equal([2, 1]);
    world.registry.put('orders', staying.endpoint);
    expect(await (await fetch('http://orders/')).text()).to.equal('b');
    finish();
    expect(await slow.text()).to.equal('first last');
    await until(() => leaving.sockets.size === 0);
    expect(staying.sockets.size).to.equal(1);
  });

  it('connections that the clients of an engine share', async () => {
    const one = await world.instance((_request, response) => response.end());
    world.registry.put('orders', one.endpoint);
    const engine = world.engine();
    for (const fetch of [createFetch(engine), createFetch(engine)]) {
      await (await fetch('http://orders/')).text();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(one.connections).to.equal(1);
  });

  it('nothing after close: connections are closed, calls are refused, with the reason', async () => {
    const one = await world.instance((_request, response) => response.end());
    world.registry.put('orders', one.endpoint);
    const engine = world.engine();
    const fetch = createFetch(engine);
    await (await fetch('http://orders/')).text();
    await engine.close();
    await until(() => one.sockets.size === 0);
    expect(await rejection(fetch('http://orders/'))).to.have.property('code', 'closed');
    expect(await rejection(createFetch(engine)('http://orders/'))).to.have.property('code', 'closed');
  });

  it('close waits for answers that are read, and not for those that nobody reads', async () => {
    const one = await world.instance((request, response) => {
      if (request.url === '/unread') return void response.write(Buffer.alloc(5_000_000));
      let parts = 0;
      const timer = setInterval(() => {
        response.write('part ');
        if (++parts < 5) return;
        clearInterval(timer);
        response.end();
      }, 60);
    });
    world.registry.put('orders', one.endpoint);
    const engine = world.engine({ limits: { closeMs: 8_000 } });
    const fetch = createFetch(engine);
    const unread = await fetch('http://orders/unread');
    const read = (await fetch('http://orders/read')).text();
    const from = performance.now();
    await engine.close();
    expect(performance.now() - from).to.be.below(5_000);
    expect(await read).to.equal('part '.repeat(5));
    expect(await rejection(unread.text())).to.be.instanceOf(TypeError);
  });

  it('a process that ends when it has nothing else to do', async () => {
    const one = await world.instance((_request, response) => response.end('answer'));
    const source = `
      import { createEngine } from '@crowfly/core';
      import { createFetch } from '@crowfly/client-fetch';
      const services = { orders: { url: 'http://127.0.0.1:${one.endpoint.port}' } };
      const engine = createEngine(() => ({ update() {}, pick() {} }), { services });
      const from = performance.now();
      process.on('exit', () => console.log(performance.now() - from < 3000 ? 'at once' : 'late'));
      console.log(await (await createFetch(engine)('http://orders/')).text());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', source],
      {
        cwd: import.meta.dirname,
        timeout: 15_000,
      },
    );
    expect(stdout.trim()).to.equal('answer\nat once');
  });

  it(`no memory, listener or connection after ${long ? '100,000' : '3,000'} calls`, async function () {
    this.timeout(long ? 600_000 : 60_000);
    const instances = await Promise.all(
      [1, 2].map(() =>
        world.instance((request, response) => {
          request.resume();
          if (request.url === '/busy') response.writeHead(503);
          response.end('x'.repeat(1000));
        }),
      ),
    );
    world.registry.put('orders', ...instances.map(({ endpoint }) => endpoint));
    const fetch = world.fetch({ defaults: { ejection: { gatewayErrors: 0, serverErrors: 0 } } });
    const { signal } = new AbortController();
    const kinds: ((fetch: CrowflyFetch) => Promise<unknown>)[] = [
      async () => (await fetch('http://orders/')).text(),
      async () => (await fetch('http://orders/', { method: 'PUT', body: 'x'.repeat(1000), signal })).text(),
      async () => (await fetch('http://orders/busy')).arrayBuffer(),
      async () => (await fetch(new Request('http://orders/', { method: 'POST', body: 'x' }))).text(),
      async () => (await fetch('http://orders/')).body?.cancel(),
      async () => {
        const controller = new AbortController();
        const call = fetch('http://orders/', { signal: controller.signal }).catch(() => {});
        controller.abort();
        await call;
      },
    ];
    const calls = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 30) {
        await Promise.all(Array.from({ length: 30 }, (_, index) => kinds[index % kinds.length]?.(fetch)));
      }
    };
    await calls(long ? 10_000 : 2_000);
    const before = await collect();
    await calls(long ? 100_000 : 3_000);
    const after = await collect();
    // What one call holds, its answer and streams, is thousands of bytes; the long run would notice twenty.
    expect(after - before, 'bytes').to.be.below(2_000_000);
    expect(getEventListeners(signal, 'abort').length).to.be.below(10);
    await until(() => instances.every(({ sockets }) => sockets.size <= 30));
  });

  it('no time limit that was lost, however often garbage is collected', async function () {
    const calls = long ? 20_000 : 600;
    this.timeout(long ? 600_000 : 60_000);
    const silent = await world.instance(() => {});
    world.registry.put('orders', silent.endpoint);
    const fetch = world.fetch({ defaults: { ejection: { timeouts: 0 } } });
    const limits = [
      () => ({ crowfly: { timeouts: { firstByteMs: 20 }, attempts: 1 } }),
      () => ({ crowfly: { timeouts: { totalMs: 20 } } }),
      () => ({ signal: AbortSignal.timeout(20) }),
    ];
    for (let done = 0; done < calls; done += 60) {
      let settled = 0;
      const batch = Array.from({ length: 60 }, async (_, index) => {
        const error = await rejection(fetch('http://orders/', limits[index % 3]?.()));
        settled++;
        expect(error.name === 'TimeoutError' || error.code === 'timeout', String(error)).to.equal(true);
      });
      while (settled < 60) await collect();
      await Promise.all(batch);
    }
  });
});
