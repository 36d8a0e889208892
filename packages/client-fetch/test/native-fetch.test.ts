import { expect } from 'chai';
import { type Instance, World } from './support/world.ts';

type Fetch = typeof globalThis.fetch;

describe('a global fetch that wraps ours', () => {
  const global = globalThis.fetch;
  let world: World;
  let instance: Instance;
  let address: string;
  let fetch: Fetch;
  let passed: number;
  beforeEach(async () => {
    world = new World();
    instance = await world.instance(({ url }, response) => void response.end(url));
    world.registry.put('orders', instance.endpoint);
    address = `http://127.0.0.1:${instance.endpoint.port}`;
    fetch = world.fetch() as Fetch;
    passed = 0;
  });
  afterEach(() => {
    globalThis.fetch = global;
    return world.close();
  });

  /** Makes `wrapper` the global fetch; one that is passed too often fails, as it would be for ever. */
  function wrap(wrapper: Fetch): void {
    globalThis.fetch = async (input, init) => {
      if (passed++ > 100) throw new Error('for ever');
      await new Promise((resolve) => setImmediate(resolve));
      return wrapper(input, init);
    };
  }

  const wrappers: Record<string, Fetch> = {
    'passes on what it gets': (input, init) => fetch(input, init),
    'copies the options': (input, init) => fetch(input, { ...init }),
    'makes a Request of it': (input, init) => fetch(new Request(input, init)),
    'adds a parameter': (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      url.searchParams.set('n', String(passed));
      return fetch(url, init);
    },
  };
  for (const [what, wrapper] of Object.entries(wrappers)) {
    for (const origin of ['a service', 'an address'] as const) {
      it(`and ${what} after a while gets an answer from ${origin}, sent once`, async () => {
        wrap(wrapper);
        const url = origin === 'a service' ? 'http://orders/x' : `${address}/x`;
        for (const call of [fetch, globalThis.fetch]) {
          instance.requests = 0;
          const response = await call(url);
          expect(await response.text()).to.match(/^\/x/);
          expect(instance.requests).to.equal(1);
        }
      });
    }
  }

  it('may make calls by ours itself, to services too', async () => {
    const tokens = await world.instance((_request, response) => void response.end('token'));
    world.registry.put('tokens', tokens.endpoint);
    for (const source of ['http://tokens/', `http://127.0.0.1:${tokens.endpoint.port}/`]) {
      wrap(async (input, init) => {
        const { url } = new Request(input);
        if (url !== source) expect(await (await fetch(source)).text()).to.equal('token');
        return fetch(input, init);
      });
      expect(await (await fetch('http://orders/a')).text()).to.equal('/a');
      expect(await (await fetch(`${address}/b`)).text()).to.equal('/b');
    }
  });

  it('may wrap the fetches of two discoveries', async () => {
    const other = world.fetch() as Fetch;
    wrap((input, init) => fetch(input, init));
    const third = world.fetch() as Fetch;
    for (const call of [fetch, other, third]) {
      for (const url of ['http://orders/x', `${address}/x`]) {
        expect(await (await call(url)).text()).to.equal('/x');
      }
    }
  });

  it('that is a mock sees what its own handlers send by ours', async () => {
    const seen: string[] = [];
    globalThis.fetch = async (input) => {
      const { url } = new Request(input);
      seen.push(url);
      await new Promise((resolve) => setImmediate(resolve));
      if (url.endsWith('/outer')) return fetch('http://api.example/inner');
      return new Response('mocked');
    };
    expect(await (await fetch('http://api.example/outer')).text()).to.equal('mocked');
    expect(await (await fetch('http://orders/outer')).text()).to.equal('mocked');
    expect(seen).to.deep.equal([
      'http://api.example/outer',
      'http://api.example/inner',
      'http://orders/outer',
      'http://api.example/inner',
    ]);
  });

  it('does not take what it is given for a call of its own that went before', async () => {
    let mocked = 0;
    globalThis.fetch = async () => new Response(String(++mocked));
    for (const n of ['1', '2', '3']) expect(await (await fetch(address)).text()).to.equal(n);
  });
});
