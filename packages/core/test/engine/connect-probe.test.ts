import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import dns from 'node:dns';
import { createServer, type Server } from 'node:net';
import { createEngine, type Engine } from '@crowfly/core';
import { expect } from 'chai';
import { roundRobin } from '../support/round-robin.js';

/** A server on a free port; `close` frees it. */
async function listen(port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  );
  return { server, port: (server.address() as { port: number }).port };
}

const closed = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

describe('the connect that asks an ejected instance', () => {
  let engine: Engine;
  afterEach(() => engine.close());

  it('finds it when it listens again, on the real clock, and leaves no connection behind', async () => {
    const { server, port } = await listen();
    await closed(server);
    engine = createEngine(roundRobin, {
      env: false,
      logger: false,
      services: { orders: { url: [`http://127.0.0.1:${port}`, 'http://127.0.0.1:9'] } },
      defaults: { ejection: { probeMs: 20, probeMaxMs: 20 }, timeouts: { connectMs: 500 } },
    });
    const failed = await engine.acquire('orders');
    failed.done({ kind: 'not-sent', error: new Error('refused') });
    const dead = failed.endpoint.port;
    const asked = (): Promise<string> =>
      engine
        .explain('orders')
        .then(({ instances }) => instances.find((one) => one.endpoint.port === dead)?.why ?? '');
    expect(await asked()).to.include('asked again');
    const back = await listen(dead === 9 ? undefined : dead);
    if (dead === 9) return void (await closed(back.server));
    while (!(await asked()).includes('the next suitable call'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await closed(back.server);
  });

  it('is not taken for lost when this process stood still until its limit', async () => {
    const { server, port } = await listen();
    const connectMs = 200;
    engine = createEngine(roundRobin, {
      env: false,
      logger: false,
      services: { orders: { url: `http://127.0.0.1:${port}` } },
      defaults: { ejection: { stallMs: 20 }, timeouts: { connectMs } },
    });
    let stoodStill = false;
    const standStill = (): void => {
      if (stoodStill) return;
      stoodStill = true;
      // Once the connect is on its way.
      process.nextTick(() => process.nextTick(() => busyFor(connectMs + 20)));
    };
    subscribe('net.client.socket', standStill);
    try {
      const lease = await engine.acquire('orders');
      while (!stoodStill) await new Promise((resolve) => setTimeout(resolve, 1));
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
      const { instances } = await engine.explain('orders');
      lease.done({ kind: 'canceled' });
      expect(instances.map(({ state, why }) => `${state}: ${why}`).join()).to.match(/^eligible/);
    } finally {
      unsubscribe('net.client.socket', standStill);
      await closed(server);
    }
  });

  it('says nothing about an instance whose name is still being looked up', async () => {
    engine = createEngine(roundRobin, {
      env: false,
      logger: false,
      services: { orders: { url: 'http://orders.example.test:8080' } },
      defaults: { ejection: { stallMs: 20 }, timeouts: { connectMs: 50 } },
    });
    const { lookup } = dns;
    let lookups = 0;
    dns.lookup = (() => void lookups++) as unknown as typeof dns.lookup;
    try {
      const lease = await engine.acquire('orders');
      while (lookups < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      const { instances } = await engine.explain('orders');
      lease.done({ kind: 'canceled' });
      expect(instances.map(({ state, why }) => `${state}: ${why}`).join()).to.match(/^eligible/);
    } finally {
      dns.lookup = lookup;
    }
  });
});

function busyFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
