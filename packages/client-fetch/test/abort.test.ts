import type { RequestListener } from 'node:http';
import { createFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { type Instance, rejection, until, World } from './support/world.ts';

describe('a caller that aborts', () => {
  let world: World;
  const reason = { my: 'reason' };
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  const serve = async (listener: RequestListener): Promise<Instance> => {
    const instance = await world.instance(listener);
    world.registry.put('orders', instance.endpoint);
    return instance;
  };

  it('before the call gets its reason, and nothing is sent', async () => {
    const one = await serve((_request, response) => response.end());
    const thrown = await rejection(world.fetch()('http://orders/', { signal: AbortSignal.abort(reason) }));
    expect(thrown).to.equal(reason);
    expect(one.requests).to.equal(0);
  });

  it('by the signal of a Request gets its reason too', async () => {
    await serve(() => {});
    const controller = new AbortController();
    const request = new Request('http://orders/', { signal: controller.signal });
    const call = rejection(world.fetch()(request));
    setTimeout(() => controller.abort(reason), 5);
    expect(await call).to.equal(reason);
  });

  it('while the registry has not answered yet gets its reason at once', async () => {
    const controller = new AbortController();
    const call = rejection(world.fetch()('http://nobody/', { signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 5);
    expect(await call).to.equal(reason);
  });

  it('while the connection is being made gets its reason at once; nothing is sent later', async () => {
    let received = 0;
    const raw = await world.raw((socket) => void socket.on('data', () => received++));
    world.registry.put('orders', { ...raw, protocol: 'https' });
    const fetch = world.fetch({ defaults: { timeouts: { connectMs: 60 } } });
    const controller = new AbortController();
    const call = rejection(fetch('https://orders/', { signal: controller.signal }));
    await until(() => received > 0); // the handshake has begun
    controller.abort(reason);
    expect(await call).to.equal(reason);
  });

  it('before the head gets its reason; the connection is closed, and no other try is made', async () => {
    const one = await serve(() => {});
    const other = await world.instance(() => {});
    world.registry.put('orders', one.endpoint, other.endpoint);
    const controller = new AbortController();
    const call = rejection(world.fetch()('http://orders/', { signal: controller.signal }));
    await until(() => one.requests === 1);
    controller.abort(reason);
    expect(await call).to.equal(reason);
    await until(() => one.open === 0);
    expect(other.requests).to.equal(0);
  });

  it('between two tries gets its reason', async () => {
    world.registry.put('orders', await world.refused());
    const retry = { attempts: 10, backoffMs: 10_000, backoffMaxMs: 10_000 };
    const engine = world.engine({ defaults: { retry } });
    let retries = 0;
    engine.on('retry', () => retries++);
    const controller = new AbortController();
    const call = rejection(createFetch(engine)('http://orders/', { signal: controller.signal }));
    await until(() => retries > 0);
    controller.abort(reason);
    expect(await call).to.equal(reason);
  });

  it('inside the body gets its reason from the body; the connection is closed', async () => {
    const one = await serve((_request, response) => void response.write('half'));
    const controller = new AbortController();
    const response = await world.fetch()('http://orders/', { signal: controller.signal });
    const body = rejection(response.text());
    controller.abort(reason);
    expect(await body).to.equal(reason);
    await until(() => one.open === 0);
  });

  it('inside the body of its own request stops sending', async () => {
    const one = await serve((request) => void request.resume());
    const controller = new AbortController();
    let over = false;
    const body = new ReadableStream({
      pull: async (stream) => {
        await new Promise((resolve) => setImmediate(resolve));
        // The built-in fetch reads on after an abort, for as long as there is something to read.
        if (over) stream.close();
        else stream.enqueue(Buffer.alloc(1000));
      },
    });
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
    const call = rejection(world.fetch()('http://orders/', init));
    await until(() => one.requests === 1);
    controller.abort(reason);
    expect(await call).to.equal(reason);
    await until(() => one.open === 0);
    over = true;
  });

  it('during a redirect gets its reason', async () => {
    const users = await world.instance(() => {});
    await serve((_request, response) => void response.writeHead(302, { location: 'http://users/' }).end());
    world.registry.put('users', users.endpoint);
    const controller = new AbortController();
    const call = rejection(world.fetch()('http://orders/', { signal: controller.signal }));
    await until(() => users.requests === 1);
    controller.abort(reason);
    expect(await call).to.equal(reason);
    await until(() => users.open === 0);
  });

  it('by cancelling the body closes the connection', async () => {
    const one = await serve((_request, response) => void response.write('half'));
    const response = await world.fetch()('http://orders/');
    await response.body?.cancel();
    await until(() => one.open === 0);
  });

  it('by a time limit of its own gets the TimeoutError', async () => {
    await serve(() => {});
    const error = await rejection(world.fetch()('http://orders/', { signal: AbortSignal.timeout(20) }));
    expect(error).to.be.instanceOf(DOMException);
    expect(error.name).to.equal('TimeoutError');
  });

  it('after the end disturbs nothing', async () => {
    const one = await serve((_request, response) => response.end('ok'));
    const fetch = world.fetch();
    const controller = new AbortController();
    const response = await fetch('http://orders/', { signal: controller.signal });
    expect(await response.text()).to.equal('ok');
    controller.abort(reason);
    await new Promise((resolve) => setImmediate(resolve));
    await (await fetch('http://orders/')).text();
    expect(one.connections).to.equal(1);
  });
});
