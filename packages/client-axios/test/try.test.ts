import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { expect } from 'chai';
import { rejection, World } from './support/world.ts';

describe('a try', () => {
  const world = new World();
  afterEach(() => world.close());

  /** How often `/pay` was executed, at instances that each answer once with a redirect to themselves and are gone then. */
  async function payments(call: (api: ReturnType<World['api']>['api']) => Promise<unknown>, status: number) {
    let count = 0;
    const gone = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.url === '/pay') count++;
      (request.socket as Socket & { server: Server }).server.close();
      response.writeHead(status, { location: '/done', connection: 'close' }).end();
    };
    const instances = await Promise.all(['a', 'b', 'c'].map((id) => world.instance(id, gone)));
    world.registry.put('orders', ...instances.map(({ endpoint }) => endpoint));
    const { api, leases } = world.api();
    const error = await rejection(call(api));
    return { count, error, leases };
  }

  for (const status of [302, 303, 307]) {
    it(`that was answered with ${status} is not repeated for a POST, though what it led to was refused`, async () => {
      const { count, error } = await payments((api) => api.post('http://orders/pay', 'x'), status);
      expect(count).to.equal(1);
      expect(error).to.have.property('code', 'ECONNREFUSED');
    });

    it(`that was answered with ${status} is repeated for a GET as far as calls are`, async () => {
      const { count } = await payments((api) => api.get('http://orders/pay'), status);
      expect(count).to.be.within(2, 3);
      const { count: single } = await payments(
        (api) => api.get('http://orders/pay', { crowfly: { idempotent: false } }),
        status,
      );
      expect(single).to.equal(1);
    });
  }

  for (const [what, answer] of [
    ['40,000 bytes of headers', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\ncontent-length: 0\r\n\r\n`],
    ['the status 000', 'HTTP/1.1 000 Nothing\r\ncontent-length: 2\r\n\r\nhi'],
    ['the status 000 and half a body', 'HTTP/1.1 000 Nothing\r\ncontent-length: 9\r\n\r\nhi'],
    ['the status 099', 'HTTP/1.1 099 Nothing\r\ncontent-length: 0\r\n\r\n'],
  ] as const) {
    it(`that got ${what} had no answer: a GET goes elsewhere, a POST names the instance`, async () => {
      const bad = await world.raw('a', (socket) => socket.once('data', () => socket.end(answer)));
      const good = await world.instance('b', (_request, response) => response.end('fine'));
      world.registry.put('orders', bad, good.endpoint);
      const { api } = world.api();
      expect((await api.get('http://orders/')).data).to.equal('fine');
      const streamed = await api.get('http://orders/', { responseType: 'stream' });
      streamed.data.resume();
      expect(streamed.status).to.equal(200);

      world.registry.put('broken', bad);
      for (const responseType of ['text', 'stream'] as const) {
        const error = await rejection(api.post('http://broken/', 'x', { responseType }));
        expect(error.message)
          .to.match(/broken/)
          .and.match(/127\.0\.0\.1/);
        expect(error.code).to.match(/^HPE_/);
        expect(error.cause).to.have.property('code', 'call-failed');
      }
    });
  }

  it("keeps the caller's own limit on the size of an answer fatal: no other instance would do better", async () => {
    const large = await world.instance('a', (_request, response) => response.end('x'.repeat(1000)));
    const other = await world.instance('b', (_request, response) => response.end('x'.repeat(1000)));
    world.registry.put('orders', large.endpoint, other.endpoint);
    const error = await rejection(world.api().api.get('http://orders/', { maxContentLength: 10 }));
    expect(error.message).to.contain('maxContentLength');
    expect(large.requests.length + other.requests.length).to.equal(1);
  });

  for (const timeout of [2 ** 31 - 1, 2 ** 31, 1e12, 1e30]) {
    it(`may have a timeout of ${timeout}, longer than timers last`, async () => {
      const slow = await world.instance('a', (_request, response) => {
        setTimeout(() => response.write('a'), 20);
        setTimeout(() => response.end('b'), 40);
      });
      world.registry.put('orders', slow.endpoint);
      expect((await world.api().api.get('http://orders/', { timeout })).data).to.equal('ab');
    });
  }

  it("sends the caller's Host header as it is", async () => {
    const one = await world.instance('a', (request, response) => response.end(request.headers.host));
    world.registry.put('orders', one.endpoint);
    const { api } = world.api();
    expect((await api.get('http://orders/', { headers: { Host: 'mine' } })).data).to.equal('mine');
  });
});
