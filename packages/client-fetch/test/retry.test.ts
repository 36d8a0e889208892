import type { RequestListener } from 'node:http';
import type { CrowflyFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { type Instance, rejection, World } from './support/world.ts';

type Body = NonNullable<RequestInit['body']>;

/** Reads a request whole. */
async function received(request: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a call that meets a bad instance', () => {
  let world: World;
  let fetch: CrowflyFetch;
  let good: Instance;
  let bodies: {
    text: Buffer;
    type: string | undefined;
    length: string | undefined;
    method: string | undefined;
  }[];
  beforeEach(async () => {
    world = new World();
    bodies = [];
    good = await world.instance(async (request, response) => {
      const { 'content-type': type, 'content-length': length } = request.headers;
      bodies.push({ text: await received(request), type, length, method: request.method });
      response.end('good');
    });
    fetch = world.fetch();
  });
  afterEach(() => world.close());

  /** The first try of a call goes to the first instance. */
  const bad = async (listener: RequestListener): Promise<Instance> => {
    const instance = await world.instance(listener);
    world.registry.put('orders', instance.endpoint, good.endpoint);
    return instance;
  };
  /** Takes the request whole, then resets. */
  const resetting: RequestListener = (request) => {
    request.on('end', () => request.socket.resetAndDestroy()).resume();
  };

  it('goes to the next instance when nobody listens, whatever the method', async () => {
    world.registry.put('orders', await world.refused(), good.endpoint);
    for (const method of ['GET', 'POST', 'PATCH', 'PROPFIND']) {
      const response = await fetch('http://orders/', { method, ...(method === 'GET' ? {} : { body: 'x' }) });
      expect(await response.text()).to.equal('good');
    }
    expect(bodies.map(({ method }) => method)).to.deep.equal(['GET', 'POST', 'PATCH', 'PROPFIND']);
  });

  it('goes to the next instance when the answer is lost, if it may be sent twice', async () => {
    const lost = await bad(resetting);
    for (const init of [
      {},
      { method: 'put', body: 'x' },
      { method: 'DELETE' },
      { method: 'POST', headers: { 'Idempotency-Key': 'k' }, body: 'x' },
      { method: 'POST', crowfly: { idempotent: true }, body: 'x' },
    ]) {
      // Each call by a client of its own, so that the first try always meets the bad instance.
      const before = lost.requests;
      const response = await world.fetch()('http://orders/', init);
      expect(await response.text()).to.equal('good');
      expect(lost.requests).to.equal(before + 1);
    }
  });

  it('is not sent again when the answer is lost and it may not be executed twice', async () => {
    const lost = await bad(resetting);
    for (const init of [
      { method: 'POST', body: 'x' },
      { method: 'PATCH', body: 'x' },
      { method: 'PROPFIND' },
      { crowfly: { idempotent: false } },
      { crowfly: { attempts: 1 } },
    ]) {
      const before = lost.requests;
      const error = await rejection(world.fetch()('http://orders/', init));
      expect(error).to.include({ name: 'CrowflyError', code: 'call-failed', attempts: 1 });
      expect(error.cause).to.be.instanceOf(TypeError);
      expect(lost.requests).to.equal(before + 1);
    }
    expect(good.requests).to.equal(0);
  });

  it('tries another instance for a 503, and gets the last answer when all are the same', async () => {
    const busy = await bad((_request, response) => void response.writeHead(503).end('busy'));
    const response = await fetch('http://orders/');
    expect([response.status, await response.text()]).to.deep.equal([200, 'good']);
    const posted = await world.fetch()('http://orders/', { method: 'POST', body: 'x' });
    expect([posted.status, await posted.text()]).to.deep.equal([503, 'busy']);
    world.registry.put('orders', busy.endpoint);
    const last = await world.fetch()('http://orders/');
    expect([last.status, await last.text()]).to.deep.equal([503, 'busy']);
  });

  it('sends a method that it does not know as it is written', async () => {
    const lines: string[] = [];
    const raw = await world.raw((socket) => {
      socket.on('data', (data) => {
        lines.push(String(data).split('\r\n')[0] ?? '');
        socket.end('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    world.registry.put('orders', raw);
    for (const method of ['get', 'Put', 'Whatever']) await fetch('http://orders/', { method });
    expect(lines).to.deep.equal(['GET / HTTP/1.1', 'PUT / HTTP/1.1', 'Whatever / HTTP/1.1']);
  });

  it('is told of the time limit of a try, and tries elsewhere within the whole', async () => {
    const slow = await bad(() => {});
    const response = await fetch('http://orders/', { crowfly: { timeouts: { firstByteMs: 400 } } });
    expect(await response.text()).to.equal('good');
    world.registry.put('orders', slow.endpoint);
    const error = await rejection(
      world.fetch()('http://orders/', { crowfly: { timeouts: { firstByteMs: 30 }, attempts: 1 } }),
    );
    expect(error).to.include({ name: 'CrowflyError', code: 'timeout' });
  });

  describe('sends its body again', () => {
    const form = new FormData();
    form.append('a', '1');
    const big = Buffer.alloc(300_000, 'b');
    const cases: [string, () => Body, string | undefined, Buffer | RegExp][] = [
      ['text', () => 'täxt', 'text/plain;charset=UTF-8', Buffer.from('täxt')],
      ['a buffer', () => big, undefined, big],
      ['an ArrayBuffer', () => new Uint8Array([1, 2]).buffer, undefined, Buffer.from([1, 2])],
      ['a view of a part', () => new Uint8Array([1, 2, 3]).subarray(1, 2), undefined, Buffer.from([2])],
      [
        'parameters',
        () => new URLSearchParams('a=1'),
        'application/x-www-form-urlencoded;charset=UTF-8',
        Buffer.from('a=1'),
      ],
      ['a form', () => form, 'multipart/form-data', /name="a"\r\n\r\n1\r\n/],
      ['a blob', () => new Blob(['blob'], { type: 'text/x' }), 'text/x', Buffer.from('blob')],
    ];
    const check = (type: string | undefined, content: Buffer | RegExp): void => {
      expect(bodies).to.have.length(1);
      const [body] = bodies;
      if (content instanceof RegExp) expect(body?.text.toString()).to.match(content);
      else expect(body?.text.equals(content)).to.equal(true);
      expect(body?.type?.split('; boundary')[0]).to.equal(type);
      expect(body?.length).to.equal(String(body?.text.length));
    };
    for (const [what, body, type, content] of cases) {
      it(what, async () => {
        await bad(resetting);
        const response = await fetch('http://orders/', { method: 'PUT', body: body() });
        expect(await response.text()).to.equal('good');
        check(type, content);
      });

      if (what === 'a buffer') continue;
      it(`${what}, inside a Request`, async () => {
        await bad(resetting);
        const request = new Request('http://orders/', { method: 'PUT', body: body() });
        const response = await fetch(request);
        expect(await response.text()).to.equal('good');
        check(type, content);
        expect(request.bodyUsed).to.equal(true);
      });
    }

    it('as it was when the call began, whatever the caller does to it meanwhile', async () => {
      await bad(resetting);
      const body = new Uint8Array([1, 2, 3]);
      const headers: Record<string, string> = { 'content-type': 'a/b' };
      const call = fetch('http://orders/', { method: 'PUT', body, headers });
      body.fill(9);
      headers['content-type'] = 'c/d';
      await call;
      check('a/b', Buffer.from([1, 2, 3]));
    });
  });

  describe('does not send again', () => {
    const failing: [string, () => [string | Request, (RequestInit & { duplex?: 'half' })?]][] = [
      [
        'a stream',
        () => ['http://orders/', { method: 'PUT', body: new Blob(['x']).stream(), duplex: 'half' }],
      ],
      [
        'an async iterable',
        () => [
          'http://orders/',
          {
            method: 'PUT',
            body: (async function* () {
              yield Buffer.from('x');
            })() as unknown as Body,
            duplex: 'half',
          },
        ],
      ],
      [
        'the body of a Request that is larger than 64 KB',
        () => [new Request('http://orders/', { method: 'PUT', body: Buffer.alloc(70_000) })],
      ],
      [
        'the body of a Request that is not there yet',
        () => {
          const body = new ReadableStream({
            start(controller) {
              setTimeout(() => {
                controller.enqueue(Buffer.from('late'));
                controller.close();
              }, 30);
            },
          });
          return [new Request('http://orders/', { method: 'PUT', body, duplex: 'half' } as RequestInit)];
        },
      ],
    ];
    for (const [what, make] of failing) {
      it(what, async () => {
        const lost = await bad(resetting);
        const error = await rejection(fetch(...make()));
        expect(error).to.include({ code: 'call-failed', attempts: 1 });
        expect(lost.requests).to.equal(1);
        expect(good.requests).to.equal(0);
      });

      it(`${what}, which a good instance gets whole`, async () => {
        world.registry.put('orders', good.endpoint);
        const response = await fetch(...make());
        expect(await response.text()).to.equal('good');
        expect(bodies[0]?.text.toString().slice(0, 4)).to.be.oneOf(['x', 'late', '\0\0\0\0']);
        const kept = what.includes('64 KB') ? '70000' : undefined;
        expect(bodies[0]?.length).to.equal(kept);
      });
    }
  });

  it('blames no instance, and does not try again, when the body to send fails', async () => {
    world.registry.put('orders', good.endpoint);
    const broken = Object.assign(new Error('disk'), { code: 'ECONNRESET' });
    const body = new ReadableStream({
      pull: () => Promise.reject(broken),
    });
    const error = await rejection(
      fetch('http://orders/', { method: 'PUT', body, duplex: 'half' } as RequestInit),
    );
    expect(error).not.to.have.property('code', 'call-failed');
    expect((await fetch('http://orders/')).status).to.equal(200);
  });

  it('frees the connection of the answer that it does not use', async () => {
    const busy = await bad((_request, response) => {
      response.writeHead(503);
      response.write('the beginning of a long explanation');
    });
    const response = await fetch('http://orders/');
    expect(response.status).to.equal(200);
    while (busy.open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  });
});
