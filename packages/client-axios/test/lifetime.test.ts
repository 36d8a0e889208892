import { execFile } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { inFlight, text, until, World } from './support/world.ts';

const long = process.env.CROWFLY_LONG === '1';

describe('what calls leave behind', () => {
  const world = new World();
  afterEach(() => world.close());

  it('connections to an instance that left are closed, those in use when their answer is complete', async () => {
    let finish = (): void => {};
    const leaving = await world.instance('a', (request, response) => {
      if (request.url === '/') return void response.end('a');
      response.write('first,');
      finish = () => response.end('last');
    });
    const staying = await world.instance('b', (_, response) => response.end('b'));
    world.registry.put('orders', leaving.endpoint, staying.endpoint);
    const { api, engine } = world.api({}, { defaults: { guard: { maxLossShare: 1 } } });
    const { data } = await api.get('http://orders/slow', { responseType: 'stream' });
    await api.get('http://orders/');
    expect(leaving.sockets.size).to.equal(2);
    const left = new Promise((resolve) => engine.on('left', resolve));
    world.registry.put('orders', staying.endpoint);
    expect((await api.get('http://orders/')).data).to.equal('b');
    const received = text(data);
    finish();
    expect(await received).to.equal('first,last');
    await left;
    await until(() => leaving.sockets.size === 0);
    expect(staying.sockets.size).to.equal(1);
  });

  it('closing the discovery closes all connections', async () => {
    const instance = await world.instance('a', (_, response) => response.end('a'));
    world.registry.put('orders', instance.endpoint);
    const { api, engine } = world.api();
    await Promise.all([api.get('http://orders/'), api.get('http://orders/')]);
    await engine.close();
    await until(() => instance.sockets.size === 0);
  });

  it('closing does not wait for streams that nobody reads, but for those that are read', async () => {
    const instance = await world.instance('a', (request, response) => {
      if (request.url === '/short') return void response.end('short');
      if (request.url === '/endless') return void response.write('x'.repeat(5_000_000));
      let parts = 0;
      const timer = setInterval(() => {
        response.write('part,');
        if (++parts < 8) return;
        clearInterval(timer);
        response.end();
      }, 100);
    });
    world.registry.put('orders', instance.endpoint);
    const { api, engine } = world.api({ responseType: 'stream' }, { limits: { closeMs: 8000 } });
    await api.get('http://orders/short');
    await api.get('http://orders/endless');
    const { data } = await api.get('http://orders/slow');
    const received = text(data);
    const startedAt = performance.now();
    await engine.close();
    expect(performance.now() - startedAt).to.be.below(5000);
    expect(await received).to.equal('part,'.repeat(8));
  });

  it('an idle client does not keep its process alive', async () => {
    const instance = await world.instance('a', (_, response) => response.end('answer'));
    const script = `
      import axios from 'axios';
      import { createEngine } from '@crowfly/core';
      import { axiosAdapter } from '@crowfly/client-axios';
      const engine = createEngine(() => ({ update() {}, pick() {} }), { services: { orders: { url: '${instance.origin}' } } });
      const api = axios.create({ adapter: axiosAdapter(engine) });
      console.log((await api.get('http://orders/')).data);
    `;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: import.meta.dirname,
      timeout: 8000,
    });
    expect((await run).stdout.trim()).to.equal('answer');
  });

  it(`${long ? '100,000' : '2,000'} calls leave no memory, socket, listener or call in flight`, async function () {
    this.timeout(long ? 600_000 : 30_000);
    const instance = await world.instance('a', (request, response) => {
      if (request.url === '/bad') response.writeHead(503);
      response.end('x'.repeat(1000));
    });
    const second = await world.instance('b', (_, response) => response.end('b'));
    world.registry.put('orders', instance.endpoint, second.endpoint);
    const { api, engine, leases } = world.api(
      {},
      { defaults: { ejection: { gatewayErrors: 0, serverErrors: 0 } } },
    );
    // One for all, as a server's shutdown signal would be.
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const collect = collector();
    const calls = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += 20) {
        await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            const config = { signal, timeout: 20_000 };
            if (index % 4 === 0) await api.get('http://orders/bad', config);
            else if (index % 4 === 1)
              (await api.get('http://orders/', { ...config, responseType: 'stream' })).data.resume();
            else await api.post('http://orders/', 'x'.repeat(1000), config);
          }),
        );
        instance.requests.length = second.requests.length = leases.length = 0;
      }
    };
    await calls(long ? 10_000 : 1_000);
    const before = collect();
    await calls(long ? 100_000 : 2_000);
    const after = collect();
    await until(async () => (await inFlight(engine)) === 0);
    expect(instance.sockets.size).to.be.at.most(20);
    // 5% over a long run; a short one drowns in what the runtime itself allocates.
    expect(after - before).to.be.below(long ? before * 0.05 : 3_000_000);
  });
});

/** Heap in use after a full collection. */
function collector(): () => number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  return () => {
    gc();
    gc();
    return process.memoryUsage().heapUsed;
  };
}
