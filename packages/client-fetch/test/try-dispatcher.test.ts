import { gzipSync } from 'node:zlib';
import type { CrowflyFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { rejection, World } from './support/world.ts';

describe('a try', () => {
  let world: World;
  let fetch: CrowflyFetch;
  beforeEach(() => {
    world = new World();
    fetch = world.fetch();
  });
  afterEach(() => world.close());

  for (const [what, path, init] of [
    ['a POST', '/', { method: 'POST', body: 'x' }],
    [
      'a POST with one attempt',
      '/',
      { method: 'POST', body: 'x', crowfly: { attempts: 1, idempotent: false } },
    ],
    ['a POST without a body', '/', { method: 'POST' }],
    ['a GET', '/', {}],
    ['a GET after a redirect', '/first', {}],
  ] as const) {
    it(`that is answered with 421 sends ${what} once, and the caller gets the 421`, async () => {
      const one = await world.instance((request, response) => {
        if (request.url === '/first') return void response.writeHead(302, { location: '/' }).end();
        response.writeHead(421, 'Elsewhere', { 'x-why': 'wrong host', 'content-encoding': 'gzip' });
        response.write(gzipSync('not here').subarray(0, 10));
        setTimeout(() => response.end(gzipSync('not here').subarray(10)), 5);
      });
      world.registry.put('orders', one.endpoint);
      const response = await fetch(`http://orders${path}`, init);
      expect(response.status).to.equal(421);
      expect(response.statusText).to.equal('Elsewhere');
      expect(response.headers.get('x-why')).to.equal('wrong host');
      expect(await response.text()).to.equal('not here');
      expect(one.requests).to.equal(path === '/' ? 1 : 2);
    });
  }

  it('that is answered with 421 and sent a stream keeps the body of the answer', async () => {
    const one = await world.instance((_request, response) => response.writeHead(421).end('not here'));
    world.registry.put('orders', one.endpoint);
    const body = new Blob(['x']).stream();
    const response = await fetch('http://orders/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect([response.status, await response.text()]).to.deep.equal([421, 'not here']);
    expect(one.requests).to.equal(1);
  });

  it('that is answered with an endless 421 fails, and with half of one too', async () => {
    const endless = await world.instance((_request, response) => {
      response.writeHead(421);
      response.end('x'.repeat(2 ** 20 + 1));
    });
    world.registry.put('orders', endless.endpoint);
    await rejection(fetch('http://orders/', { method: 'POST', body: 'x' }));
    expect(endless.requests).to.equal(1);

    const half = await world.instance((request, response) => {
      response.writeHead(421, { 'content-length': 9 }).write('x');
      setTimeout(() => request.socket.destroy(), 5);
    });
    world.registry.put('orders', half.endpoint);
    await rejection(fetch('http://orders/', { method: 'POST', body: 'x' }));
    expect(half.requests).to.equal(1);
  });

  it('goes on after a 421 on the connections it has', async () => {
    let status = 421;
    const one = await world.instance((_request, response) => response.writeHead(status).end('fine'));
    world.registry.put('orders', one.endpoint);
    await (await fetch('http://orders/', { method: 'POST', body: 'x' })).text();
    await new Promise((resolve) => setImmediate(resolve));
    status = 200;
    expect(await (await fetch('http://orders/')).text()).to.equal('fine');
    expect(one.connections).to.equal(1);
  });

  for (const [what, answer] of [
    ['40,000 bytes of headers', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\ncontent-length: 0\r\n\r\n`],
    ['the status 000', 'HTTP/1.1 000 Nothing\r\ncontent-length: 2\r\n\r\nhi'],
    ['the status 099', 'HTTP/1.1 099 Nothing\r\ncontent-length: 0\r\n\r\n'],
  ] as const) {
    it(`that got ${what} had no answer: a GET goes elsewhere, a POST names the instance`, async () => {
      const bad = await world.raw((socket) => socket.once('data', () => socket.end(answer)));
      const good = await world.instance((_request, response) => response.end('fine'));
      world.registry.put('orders', bad, good.endpoint);
      for (let n = 0; n < 4; n++) expect(await (await fetch('http://orders/')).text()).to.equal('fine');

      world.registry.put('broken', bad);
      const error = await rejection(fetch('http://broken/', { method: 'POST', body: 'x' }));
      expect(error).to.have.property('code', 'call-failed');
      expect(error.message)
        .to.match(/broken/)
        .and.match(/127\.0\.0\.1/);
    });
  }

  it('has the Host of the URL, as the built-in fetch takes none from its caller', async () => {
    const one = await world.instance((request, response) => response.end(request.headers.host));
    world.registry.put('orders', one.endpoint);
    const response = await fetch('http://orders/', { headers: { host: 'mine' } });
    expect(await response.text()).to.equal('orders');
  });
});
