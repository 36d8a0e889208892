import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { CrowflyFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { rejection, until, World } from './support/world.ts';

describe('an answer', () => {
  let world: World;
  let fetch: CrowflyFetch;
  beforeEach(() => {
    world = new World();
    fetch = world.fetch();
  });
  afterEach(() => world.close());

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['DELETE', 204],
  ] as const) {
    it(`without a body: ${method} ${status}, several times over the same connection`, async () => {
      const one = await world.instance((_request, response) => {
        response
          .writeHead(status, method === 'HEAD' ? { 'content-length': 5, etag: 'x' } : { etag: 'x' })
          .end();
      });
      world.registry.put('orders', one.endpoint);
      for (let n = 0; n < 3; n++) {
        const response = await fetch('http://orders/', { method });
        expect([response.status, response.headers.get('etag')]).to.deep.equal([status, 'x']);
        expect(await response.text()).to.equal('');
        await new Promise((resolve) => setImmediate(resolve));
      }
      // undici ends a connection after HEAD, as some servers send a body all the same.
      if (method !== 'HEAD') expect(one.connections).to.equal(1);
    });
  }

  it('is decompressed, and keeps its headers', async () => {
    const text = 'hello '.repeat(1000);
    const one = await world.instance((_request, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2']);
      response.writeHead(200, 'Fine', { 'content-encoding': 'gzip', 'X-Case': 'Value' }).end(gzipSync(text));
    });
    world.registry.put('orders', one.endpoint);
    const response = await fetch('http://orders/');
    expect(response.statusText).to.equal('Fine');
    expect(response.headers.getSetCookie()).to.deep.equal(['a=1', 'b=2']);
    expect(response.headers.get('x-case')).to.equal('Value');
    expect(await response.text()).to.equal(text);
  });

  it('may be preceded by hints, and followed by trailers', async () => {
    const one = await world.instance((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('body');
      response.addTrailers({ 'x-sum': '1' });
      response.end();
    });
    world.registry.put('orders', one.endpoint);
    for (let n = 0; n < 2; n++) {
      expect(await (await fetch('http://orders/')).text()).to.equal('body');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(one.connections).to.equal(1);
  });

  it('is as large as it is, in both directions', async () => {
    const sent = randomBytes(8 * 1024 * 1024);
    const one = await world.instance((request, response) => void request.pipe(response));
    world.registry.put('orders', one.endpoint);
    const response = await fetch('http://orders/', { method: 'POST', body: sent });
    const back = Buffer.from(await response.arrayBuffer());
    expect(hash(back)).to.equal(hash(sent));
  });

  it('streams in both directions at a time', async () => {
    const one = await world.instance((request, response) => {
      request.on('data', (chunk) => response.write(`echo ${chunk}`)).on('end', () => response.end());
    });
    world.registry.put('orders', one.endpoint);
    let controller: ReadableStreamDefaultController | undefined;
    const body = new ReadableStream({
      start(made) {
        controller = made;
      },
    });
    controller?.enqueue(Buffer.from('one'));
    const response = await fetch('http://orders/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    const reader = (response.body as ReadableStream<Uint8Array>)
      .pipeThrough(new TextDecoderStream())
      .getReader();
    expect((await reader.read()).value).to.equal('echo one');
    controller?.enqueue(Buffer.from('two'));
    expect((await reader.read()).value).to.equal('echo two');
    controller?.close();
    expect((await reader.read()).done).to.equal(true);
  });

  it('waits for a slow reader', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let written = 0;
    const one = await world.instance((_request, response) => {
      const more = (): void => {
        while (written < 64 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    world.registry.put('orders', one.endpoint);
    const response = await fetch('http://orders/');
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).to.be.below(32 * 1024 * 1024);
    await response.body?.cancel();
  });

  describe('that redirects', () => {
    it('to the same service keeps the name, and goes to any of its instances', async () => {
      const instances = await Promise.all(
        [1, 2].map(() =>
          world.instance((request, response) => {
            if (request.url === '/to') response.end(`at ${request.headers.host}`);
            else response.writeHead(302, { location: '/to' }).end('moved');
          }),
        ),
      );
      world.registry.put('orders', ...instances.map(({ endpoint }) => endpoint));
      const response = await fetch('http://orders/from');
      expect([response.url, response.redirected]).to.deep.equal(['http://orders/to', true]);
      expect(await response.text()).to.equal('at orders');
      expect(instances.map(({ requests }) => requests)).to.deep.equal([1, 1]);
    });

    it('to another service reaches that, with the body when it is to be kept', async () => {
      const users = await world.instance(async (request, response) => {
        let text = '';
        for await (const chunk of request) text += chunk;
        response.end(`${request.method} ${request.headers.host} ${text}`);
      });
      const orders = await world.instance((_request, response) => {
        response.writeHead(307, { location: 'http://users/' }).end();
      });
      world.registry.put('orders', orders.endpoint);
      world.registry.put('users', users.endpoint);
      const response = await fetch('http://orders/', { method: 'POST', body: 'text' });
      expect(response.url).to.equal('http://users/');
      expect(await response.text()).to.equal('POST users text');
    });

    it('elsewhere leaves crowfly, without Authorization and Cookie, and with headers of your own', async () => {
      const foreign = await world.instance((request, response) =>
        response.end(JSON.stringify(request.headers)),
      );
      const target = `http://127.0.0.1:${foreign.endpoint.port}/`;
      const orders = await world.instance((_request, response) => {
        response.writeHead(302, { location: target }).end();
      });
      world.registry.put('orders', orders.endpoint);
      const headers = { authorization: 'secret', cookie: 'secret', 'x-api-key': 'mine' };
      const response = await fetch('http://orders/', { headers });
      expect(response.url).to.equal(target);
      const got = (await response.json()) as any;
      expect(got.host).to.equal(`127.0.0.1:${foreign.endpoint.port}`);
      expect(got).not.to.have.any.keys('authorization', 'cookie');
      expect(got['x-api-key']).to.equal('mine');
    });

    it('is handed over, or an error without another try, when the caller says so', async () => {
      const orders = await world.instance((_request, response) => {
        response.writeHead(302, { location: 'http://users/' }).end('moved');
      });
      world.registry.put('orders', orders.endpoint);
      const response = await fetch('http://orders/', { redirect: 'manual' });
      expect([response.status, response.headers.get('location')]).to.deep.equal([302, 'http://users/']);
      const error = await rejection(fetch('http://orders/', { redirect: 'error' }));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.equal('fetch failed');
      expect(orders.requests).to.equal(2);
    });

    it('to a service that cannot be reached is an error that names what failed', async () => {
      const orders = await world.instance((_request, response) => {
        response.writeHead(307, { location: 'http://users/' }).end();
      });
      world.registry.put('orders', orders.endpoint);
      world.registry.put('users', await world.refused());
      const posted = await rejection(fetch('http://orders/', { method: 'POST', body: 'x' }));
      expect(posted).to.include({ name: 'CrowflyError', code: 'call-failed', attempts: 1 });
      expect(orders.requests).to.equal(1);
      world.registry.put('users');
      const none = await rejection(fetch('http://orders/', { method: 'POST', body: 'x' }));
      expect(none.cause).to.include({ name: 'CrowflyError', code: 'no-instances' });
    });

    it('in a circle ends', async () => {
      const orders = await world.instance((_request, response) => {
        response.writeHead(302, { location: 'http://orders/' }).end();
      });
      world.registry.put('orders', orders.endpoint);
      const error = await rejection(fetch('http://orders/'));
      expect(error.cause?.message).to.match(/redirect count/);
      expect(orders.requests).to.equal(21);
    });
  });

  it('that breaks off is an error of its body, and is not asked for again', async () => {
    const one = await world.instance((request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.resetAndDestroy());
    });
    world.registry.put('orders', one.endpoint);
    const response = await fetch('http://orders/');
    const error = await rejection(response.text());
    expect(error).to.be.instanceOf(TypeError);
    expect(error.message).to.equal('terminated');
    expect(one.requests).to.equal(1);
  });

  it('that says 100 Continue first is not understood, as in the built-in fetch', async () => {
    const raw = await world.raw((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'));
    });
    world.registry.put('orders', raw);
    const ours = await rejection(fetch('http://orders/', { crowfly: { attempts: 1 } }));
    const theirs = await rejection(globalThis.fetch(`http://127.0.0.1:${raw.port}/`));
    expect(ours.cause.cause.message).to.equal(theirs.cause.message);
  });

  it('comes over connections that are kept', async () => {
    const one = await world.instance((_request, response) => response.end('x'));
    world.registry.put('orders', one.endpoint);
    for (let n = 0; n < 20; n++) {
      await (await fetch('http://orders/')).text();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(one.connections).to.equal(1);
    await until(() => one.sockets.size === 1);
  });
});

const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
