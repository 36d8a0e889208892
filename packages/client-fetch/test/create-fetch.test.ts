import { type CrowflyFetch, createFetch } from '@crowfly/client-fetch';
import { expect } from 'chai';
import { type Instance, rejection, World } from './support/world.ts';

describe('fetch by service name', () => {
  let world: World;
  let echo: Instance;
  let fetch: CrowflyFetch;
  const global = globalThis.fetch;
  beforeEach(async () => {
    world = new World();
    echo = await world.instance((request, response) => {
      response.end(JSON.stringify({ url: request.url, method: request.method, headers: request.headers }));
    });
    world.registry.put('orders', echo.endpoint);
    fetch = world.fetch();
  });
  afterEach(async () => {
    globalThis.fetch = global;
    await world.close();
  });

  /** Records what the global fetch is given, instead of sending it. */
  function spy(): unknown[][] {
    const calls: unknown[][] = [];
    globalThis.fetch = (async (...args: unknown[]) => {
      calls.push(args);
      return new Response('from the global fetch');
    }) as typeof global;
    return calls;
  }

  it('has the signature of the built-in', () => {
    const same: typeof global = fetch;
    expect(same.name).to.equal(global.name);
    expect(same.length).to.equal(global.length);
  });

  it("answers with the built-in's own Response, and the URL that the caller wrote", async () => {
    const response = await fetch('http://orders/v1/42?x=%2F&y#part');
    expect(response).to.be.instanceOf(Response);
    expect(response.url).to.equal('http://orders/v1/42?x=%2F&y');
    expect(response.redirected).to.equal(false);
    expect(response.type).to.equal('basic');
    expect(((await response.json()) as any).url).to.equal('/v1/42?x=%2F&y');
  });

  it('takes a URL, a Request, and anything that can be written as a URL', async () => {
    for (const input of [
      new URL('http://orders/a'),
      new Request('http://orders/a'),
      { toString: () => 'http://orders/a' } as unknown as string,
      'HTTP://Orders:80/a',
      '  http://orders/a  ',
    ]) {
      const response = await fetch(input);
      expect(((await response.json()) as any).url).to.equal('/a');
    }
  });

  it('sends the host that the caller wrote, or the address of the instance', async () => {
    const hostOf = async (one: CrowflyFetch, url: string, init?: RequestInit): Promise<string> =>
      ((await (await one(url, init)).json()) as any).headers.host;
    expect(await hostOf(fetch, 'http://orders/')).to.equal('orders');
    expect(await hostOf(fetch, 'http://orders:8080/')).to.equal('orders:8080');
    expect(await hostOf(fetch, 'http://orders/', { headers: { host: 'elsewhere' } })).to.equal('orders');
    const instance = world.fetch({}, { host: 'instance' });
    expect(await hostOf(instance, 'http://orders/')).to.equal(`127.0.0.1:${echo.endpoint.port}`);
  });

  it('sends headers as the built-in does, and nothing more', async () => {
    const init = { headers: { 'X-Case': 'Ä', accept: 'text/plain' } };
    const ours = (await (await fetch('http://orders/', init)).json()) as any;
    const theirs = (await (await global(`http://127.0.0.1:${echo.endpoint.port}/`, init)).json()) as any;
    // Node.js 26 sends it to addresses and over https only.
    delete ours.headers['sec-fetch-mode'];
    delete theirs.headers['sec-fetch-mode'];
    expect(ours.headers).to.deep.equal({ ...theirs.headers, host: 'orders' });
  });

  describe('passes on to the global fetch, untouched', () => {
    const inherited = Object.create({ dispatcher: { dispatch() {} } });
    const cases: [string, unknown, unknown?][] = [
      ['an address', 'http://127.0.0.1:1/x', { method: 'POST' }],
      ['localhost', 'http://localhost:1/'],
      ['a name with dots that is no service', 'http://api.example.com/#part'],
      ['another scheme', 'data:text/plain,hello'],
      ['a relative URL', '/v1/42'],
      ['what is no URL', 'http://'],
      ['nothing', undefined],
      ['a symbol', Symbol('url')],
      ['an object that cannot be written', Object.create(null)],
      ['a URL object', new URL('http://127.0.0.1:1/')],
      ['a Request', new Request('http://127.0.0.1:1/')],
      ['a call with a dispatcher of its own', 'http://orders/', { dispatcher: { dispatch() {} } }],
      ['a call with an inherited dispatcher', 'http://orders/', inherited],
      ['options that are none', 'http://orders/', 7],
    ];
    for (const [what, input, init] of cases) {
      it(what, async () => {
        const calls = spy();
        const response = await fetch(input as string, init as RequestInit);
        expect(await response.text()).to.equal('from the global fetch');
        expect(calls).to.have.length(1);
        expect(calls[0]?.[0]).to.equal(input);
        expect(calls[0]?.[1]).to.equal(init);
      });
    }

    it('and its own errors come back', async () => {
      for (const input of [undefined, '/v1/42', 'http://', Symbol('url')] as unknown as string[]) {
        const ours = await rejection(fetch(input));
        const theirs = await rejection(global(input));
        expect(ours).to.be.instanceOf(TypeError);
        expect(ours.message).to.equal(theirs.message);
      }
    });
  });

  it('rejects, and never throws, when something is wrong', async () => {
    const wrong: [string, unknown, object | string][] = [
      ['http://user@orders/', undefined, { code: 'bad-name' }],
      ['http://orders/', { crowfly: { idempotant: true } }, { code: 'bad-option' }],
      ['http://orders/', { crowfly: { attempts: 0 } }, { code: 'bad-option' }],
      ['http://orders/', { crowfly: { timeouts: { total: 1 } } }, { code: 'bad-option' }],
      ['http://orders/', { crowfly: 7 }, { code: 'bad-option' }],
      ['http://orders/', { method: 'NO GOOD' }, { name: 'TypeError' }],
      ['http://orders/', { method: 'CONNECT' }, { name: 'TypeError' }],
      ['http://orders/', { method: 'GET', body: 'x' }, { name: 'TypeError' }],
      ['http://orders/', { headers: { 'x-bad': 'a\nb' } }, { name: 'TypeError' }],
      ['http://orders/', { headers: 'no' }, { name: 'TypeError' }],
      ['http://orders/', { headers: [['one']] }, { name: 'TypeError' }],
      ['http://orders/', { signal: 'no' }, { name: 'TypeError' }],
      ['http://orders/', { redirect: 'no' }, { name: 'TypeError' }],
      ['http://orders/', { method: 'POST', body: new ReadableStream() }, { name: 'TypeError' }],
    ];
    for (const [url, init, expected] of wrong) {
      let promise: Promise<Response> | undefined;
      expect(() => {
        promise = fetch(url, init as RequestInit);
      }).not.to.throw();
      const error = await rejection(promise as Promise<Response>);
      expect(error, JSON.stringify(init)).to.include(expected);
    }
    expect(echo.requests).to.equal(0);
  });

  it('names the misspelt option and what was meant', async () => {
    const error = await rejection(fetch('http://orders/', { crowfly: { idempotant: true } as object }));
    expect(error.message).to.equal(
      "fetch(..., { crowfly }).idempotant: there is no such option; did you mean 'idempotent'?",
    );
    expect(() => createFetch(world.engine(), { hosts: 'logical' } as object)).to.throw(
      /did you mean 'host'\?/,
    );
    expect(() => createFetch(world.engine(), { host: 'no' as 'logical' })).to.throw(
      /'logical' or 'instance'/,
    );
  });

  it('works as the global fetch, and inside a wrapper that is the global fetch', async () => {
    globalThis.fetch = fetch as typeof global;
    const address = `http://127.0.0.1:${echo.endpoint.port}/`;
    expect((await globalThis.fetch('http://orders/')).status).to.equal(200);
    expect((await globalThis.fetch(address)).status).to.equal(200);
    globalThis.fetch = (input, init) => fetch(input as string, init as RequestInit);
    expect((await globalThis.fetch('http://orders/')).status).to.equal(200);
    expect((await globalThis.fetch(address)).status).to.equal(200);
  });

  it('lets what instruments the global fetch see each try', async () => {
    const seen: unknown[] = [];
    globalThis.fetch = (input, init) => {
      seen.push(input);
      return global(input, init);
    };
    await fetch('http://orders/a');
    expect(seen).to.deep.equal(['http://orders/a']);
  });

  it('reads each option once, inherited ones and getters too', async () => {
    const reads: string[] = [];
    class Options {
      #method = 'PUT';
      get method(): string {
        reads.push('method');
        return this.#method;
      }
      get body(): string {
        reads.push('body');
        return 'text';
      }
    }
    const response = await fetch('http://orders/', new Options());
    expect(((await response.json()) as any).method).to.equal('PUT');
    expect(reads.sort()).to.deep.equal(['body', 'method']);
  });

  it('keeps the referrer of a Request', async () => {
    const request = new Request('http://orders/', {
      referrer: 'http://orders/from',
      referrerPolicy: 'unsafe-url',
    });
    const { headers } = (await (await fetch(request)).json()) as any;
    expect(headers.referer).to.equal('http://orders/from');
  });
});
