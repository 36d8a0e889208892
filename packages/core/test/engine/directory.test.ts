import { createEngine, type EngineOptions, isCrowflyError, type Target } from '@crowfly/core';
import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { roundRobin } from '../support/round-robin.js';
import { ScriptedRegistry } from '../support/scripted-registry.js';
import { answering, fakeTransport } from '../support/transport.js';
import { closeWorlds, World, type WorldOptions } from '../support/world.js';

const hostOf = (target: Target): string => (typeof target === 'string' ? target : target.host);

/** As a registry does whose dotted names could be hosts of the Internet: it claims them only when it is told to. */
const shy = {
  locate: (target: Target) => {
    const [host = '', port] = typeof target === 'string' ? target.split(':') : [target.host, target.port];
    const meant = typeof target === 'string' || target.configured === true || !host.includes('.');
    return meant ? { key: host, ...(port === undefined ? {} : { port: Number(port) }) } : undefined;
  },
};

/** Claims every name there is, as a careless adapter does. */
const greedy = { locate: (target: Target) => ({ key: hostOf(target) }) };

/** `orders`, `orders.shop` and `orders.shop.svc.cluster.local` are one service; ports are told apart. */
const canonical = {
  locate(target: Target) {
    const [service = '', namespace = 'shop', ...rest] = hostOf(target).split('.');
    if (!['', 'svc', 'svc.cluster.local'].includes(rest.join('.'))) return undefined;
    const port = typeof target === 'string' ? undefined : target.port;
    return { key: `${namespace}/${service}`, ...(port === undefined ? {} : { port }) };
  },
};

function what(world: World, url: string): string | undefined {
  try {
    return world.engine.route(new URL(url))?.service;
  } catch (error) {
    return isCrowflyError(error) ? error.code : String(error);
  }
}

function routes(options: WorldOptions, table: Record<string, string | undefined>): void {
  const world = new World(options);
  const found = Object.keys(table).map((url) => [url, what(world, url)]);
  expect(Object.fromEntries(found)).to.deep.equal(table);
}

function fault(options: EngineOptions): { message: string; path?: string } {
  try {
    createEngine(roundRobin, { logger: false, env: false, ...options });
  } catch (error) {
    if (isCrowflyError(error, 'bad-option')) return error;
    throw error;
  }
  throw new Error('the options were accepted');
}

describe('which URLs name a service', () => {
  afterEach(closeWorlds);

  it('is: those the registry claims, those in the table, and single labels; everything else passes through', () => {
    routes(
      {
        registry: {
          locate: (target) => (hostOf(target).endsWith('.shop') ? { key: hostOf(target) } : undefined),
        },
        services: { 'payments.example.com': {}, users: { url: 'http://localhost:3001' } },
      },
      {
        'http://orders.shop/': 'orders.shop',
        'http://ORDERS.Shop/v1?x=1#y': 'orders.shop',
        'https://orders.shop/': 'orders.shop',
        'http://orders.shop:8080/': 'orders.shop',
        'http://payments.example.com/': 'payments.example.com',
        'http://users/': 'users',
        'http://orders/': 'unknown-service',
        'http://example.com/': undefined,
        'http://api.example.com:8443/': undefined,
        'http://localhost/': undefined,
        'http://localhost:3000/': undefined,
        'http://a.localhost/': undefined,
        'http://127.0.0.1/': undefined,
        'http://127.1/': undefined,
        'http://0x7f000001/': undefined,
        'http://2024/': undefined,
        'http://[::1]:80/': undefined,
        'ws://orders.shop/': undefined,
        'ftp://orders.shop/': undefined,
        'file:///orders.shop': undefined,
        'data:text/plain,orders.shop': undefined,
      },
    );
  });

  it('is one that a row makes a service, with the port of the URL, and no other host that looks alike', async () => {
    const world = new World({
      registry: shy,
      services: { 'invoices.billing': {}, 'ledger.billing:9090': { timeouts: { totalMs: 1 } } },
    });
    for (const [url, service] of [
      ['http://invoices.billing/', 'invoices.billing'],
      ['http://invoices.billing:9090/', 'invoices.billing:9090'],
      ['http://ledger.billing:9090/', 'ledger.billing:9090'],
      ['http://ledger.billing/', undefined],
      ['http://www.billing/', undefined],
    ] as const) {
      const route = world.engine.route(new URL(url));
      if (service === undefined) {
        expect(route, url).to.equal(undefined);
        continue;
      }
      await world.called(fakeTransport(answering()), {}, url);
      const { key, port } = world.registry.last().service;
      expect(port === undefined ? key : `${key}:${port}`, url).to.equal(service);
    }
  });

  it('is a dotted one too when the environment says where it is', async () => {
    const world = new World({
      registry: shy,
      env: { CROWFLY_INVOICES_BILLING: 'http://localhost:3001', CROWFLY_API: 'http://localhost:3002' },
    });
    expect(world.engine.route(new URL('http://invoices.billing/'))?.service).to.equal('invoices.billing');
    expect(world.engine.route(new URL('http://api.example.com/'))).to.equal(undefined);
  });

  it('is never an address nor localhost, whatever a registry or an option claims', () => {
    for (const match of [undefined, () => true, ['localhost', 'localhost.', '127.0.0.1', '*.localhost']]) {
      routes(
        { registry: greedy, ...(match === undefined ? {} : { match }) },
        {
          'http://localhost/': undefined,
          'http://localhost./': undefined,
          'http://LOCALHOST:3000/': undefined,
          'http://x.localhost/': undefined,
          'http://x.localhost./': undefined,
          'http://127.0.0.1/': undefined,
          'http://127.1./': undefined,
          'http://[::ffff:127.0.0.1]/': undefined,
          'http://3232235521/': undefined,
        },
      );
    }
  });

  it('can be a list of hosts and suffixes, beside the rows of the table', () => {
    routes(
      { registry: greedy, services: { users: {} }, match: ['orders', '*.internal'] },
      {
        'http://orders/': 'orders',
        'http://a.internal/': 'a.internal',
        'http://a.b.internal/': 'a.b.internal',
        'http://internal/': undefined,
        'http://notinternal/': undefined,
        'http://payments/': undefined,
        'http://users/': 'users',
      },
    );
  });

  it('can be a function, which may leave the decision to the rule', () => {
    routes(
      {
        registry: canonical,
        match: (host) => (host === 'legacy' ? false : host === 'api.example.com' ? true : undefined),
      },
      {
        'http://legacy/': undefined,
        'http://orders/': 'shop/orders',
        'http://api.example.com/': 'unknown-service',
        'http://www.example.com/': undefined,
      },
    );
  });

  it('is asked of the registry once per host, scheme and port', () => {
    const world = new World();
    for (let n = 0; n < 100; n++) world.engine.route(new URL(`http://orders/v1/${n}`));
    expect(world.registry.locates).to.equal(1);
  });

  it('keeps what the caller wrote: authority, host and scheme', () => {
    const world = new World({ registry: canonical });
    const route = world.engine.route(new URL('https://Orders.Shop:8443/v1'));
    expect(route).to.include({
      scheme: 'https',
      authority: 'orders.shop:8443',
      hostname: 'orders.shop',
      service: 'shop/orders',
    });
    expect(world.engine.route(new URL('http://orders:80/'))?.authority).to.equal('orders');
  });

  it('may not carry user info, which an ordinary URL may', () => {
    routes(
      {},
      {
        'http://user@orders/': 'bad-name',
        'http://user:s3cr3t@orders/': 'bad-name',
        'http://:s3cr3t@orders/': 'bad-name',
        'http://orders/': 'orders',
        'http://user:s3cr3t@example.com/': undefined,
      },
    );
    const world = new World();
    expect(() => world.engine.route(new URL('http://user:s3cr3t@orders/')))
      .to.throw(/'orders'.*user info/)
      .and.satisfy((error: Error) => !`${error.stack}`.includes('s3cr3t'));
  });

  it('says where it looked and what to do, when a name looks like a service and nothing claims it', () => {
    const world = new World({ registry: { id: 'consul:https://c1/dc1', locate: () => undefined } });
    expect(() => world.engine.route(new URL('http://orders/')))
      .to.throw(
        /'orders' looks like a service.*consul:https:\/\/c1\/dc1.*services\['orders'\].*CROWFLY_ORDERS=/,
      )
      .with.property('code', 'unknown-service');
    const bare = new World({ registry: false });
    expect(() => bare.engine.route(new URL('http://orders/'))).to.throw(/has no registry/);
  });
});

describe('a name given to the API', () => {
  afterEach(closeWorlds);

  it('is refused when it cannot be one, in one line without control characters', async () => {
    const world = new World({ registry: greedy });
    const names: unknown[] = [
      '../x',
      '..',
      '.',
      '',
      'a/b',
      'a?b',
      'a#b',
      'a\\b',
      'a%2fb',
      'a b',
      'a\u0000b',
      'a\nb',
      'localhost',
      '127.0.0.1',
      '[::1]',
      '2024',
      undefined,
      null,
      7,
      {},
      'a/'.repeat(100_000),
    ];
    for (const name of names) {
      for (const ask of ['instances', 'ready', 'acquire', 'watch'] as const) {
        let error: unknown;
        try {
          if (ask === 'watch') world.engine.watch(name as string, () => {});
          else if (ask === 'ready') await world.engine.ready([name as string]);
          else await world.engine[ask](name as string);
        } catch (thrown) {
          error = thrown;
        }
        expect(isCrowflyError(error, 'bad-name'), `${ask}(${String(name).slice(0, 20)}): ${error}`).to.equal(
          true,
        );
        expect((error as Error).message.length).to.be.at.most(300);
        expect((error as Error).message).not.to.match(/\p{Cc}/u);
      }
    }
    expect(world.registry.watches).to.deep.equal([]);
  });

  it('means the same in every spelling: one watch, one set, one row', async () => {
    const world = new World({
      registry: canonical,
      services: { 'orders.shop': { retry: { attempts: 1 } } },
    });
    for (const name of ['orders', 'orders.shop', 'orders.shop.svc', 'orders.shop.svc.cluster.local']) {
      world.engine.watch(name, () => {});
      const url = new URL(`http://${name}/`);
      expect(world.engine.route(url)?.service).to.equal('shop/orders');
    }
    expect(world.registry.watches).to.have.length(1);
    world.registry.last().publish(instances('a', 'b'));
    const transport = fakeTransport((one) => one.fail('no-answer'));
    await world.called(transport, {}, 'http://orders/');
    expect(transport.ids, 'the row forbids another try').to.have.length(1);
  });

  it('and port is another set of instances, with the row of the port or else that of the service', async () => {
    const world = new World({ registry: canonical, services: { orders: { timeouts: { firstByteMs: 10 } } } });
    const [web, admin] = ['http://orders/', 'http://orders:9090/'].map((url) =>
      world.engine.route(new URL(url)),
    );
    expect([web?.service, admin?.service]).to.deep.equal(['shop/orders', 'shop/orders']);
    world.call(fakeTransport(), {}, 'http://orders/');
    world.call(fakeTransport(), {}, 'http://orders:9090/');
    expect(world.registry.watches.map(({ service }) => service)).to.deep.equal([
      { key: 'shop/orders' },
      { key: 'shop/orders', port: 9090 },
    ]);
  });
});

describe('rows of the services table', () => {
  afterEach(closeWorlds);

  it('are refused when no URL can reach them, or two mean the same', () => {
    const registry = new ScriptedRegistry(canonical).factory;
    const rows: readonly [object, RegExp][] = [
      [{ Orders: {} }, /services\.Orders.*write 'orders'/],
      [{ 'a b': {} }, /no URL can reach/],
      [{ '../x': {} }, /no URL can reach/],
      [{ localhost: {} }, /localhost is never a service/],
      [{ '127.0.0.1': {} }, /IP address/],
      [{ '2024': {} }, /IP address/],
      [{ '': {} }, /empty/],
      [{ ['x'.repeat(64)]: {} }, /at most 63/],
    ];
    for (const [services, message] of rows) {
      expect(fault({ services }).message, Object.keys(services)[0]).to.match(message);
      const claimsAll = new ScriptedRegistry(greedy).factory;
      if (!('Orders' in services) && !(`${'x'.repeat(64)}` in services))
        expect(fault({ services, registry: claimsAll }).message, 'although claimed').to.match(message);
    }
    const twice = fault({ registry, services: { orders: {}, 'orders.shop': {} } });
    expect(twice.message).to.match(/services\.orders\.shop: another row.*shop\/orders/);
    expect(twice.path).to.equal('createDiscovery.services.orders.shop');
  });

  it('can have a registry of their own, which is then asked for this name only', async () => {
    const own = new ScriptedRegistry({ id: 'scripted:own' });
    const world = new World({
      services: { users: { registry: own.factory }, stock: { registry: own.factory } },
    });
    world.engine.watch('users', () => {});
    world.engine.watch('stock', () => {});
    world.engine.watch('orders', () => {});
    expect(own.watches.map(({ service }) => service.key)).to.deep.equal(['users', 'stock']);
    expect(world.registry.watches.map(({ service }) => service.key)).to.deep.equal(['orders']);
    await world.close();
    expect(own.closes).to.equal(1);
  });

  it('with a registry of their own never fall back to the other one', () => {
    const own = new ScriptedRegistry({ id: 'scripted:own', locate: () => undefined });
    const world = new World({ services: { users: { registry: own.factory } } });
    world.engine.watch('users', () => {});
    expect(world.registry.watches).to.deep.equal([]);
    expect(own.watches.map(({ service }) => service)).to.deep.equal([{ key: 'users' }]);
  });

  it('can name fixed instances, which are there at once', async () => {
    const world = new World({
      registry: false,
      services: { orders: { url: ['http://localhost:3001', 'https://[::1]:3002', 'http://10.0.0.1'] } },
    });
    expect(await world.engine.instances('orders')).to.deep.equal([
      { id: 'localhost:3001', host: 'localhost', port: 3001, protocol: 'http' },
      { id: '[::1]:3002', host: '::1', port: 3002, protocol: 'https' },
      { id: '10.0.0.1:80', host: '10.0.0.1', port: 80, protocol: 'http' },
    ]);
    expect((await world.called(fakeTransport(answering()))).state).to.equal('answered');
  });

  it('have either a url or a registry', () => {
    const registry = new ScriptedRegistry().factory;
    expect(fault({ services: { orders: { url: 'http://localhost:1', registry } } }).message).to.match(
      /services\.orders\.url.*not both/,
    );
  });
});

describe('CROWFLY_<NAME> in the environment', () => {
  afterEach(closeWorlds);

  const hosts = async (world: World, name: string): Promise<string[]> =>
    (await world.engine.instances(name)).map(({ host, port }) => `${host}:${port}`);

  it('overrides the registry, a row, and what is no service otherwise', async () => {
    const env = {
      CROWFLY_ORDERS: 'http://localhost:3001, http://localhost:3002',
      CROWFLY_PAY_ME: 'http://localhost:4',
    };
    const world = new World({ env, services: { 'pay-me': { url: 'http://localhost:5' } } });
    expect(await hosts(world, 'orders')).to.deep.equal(['localhost:3001', 'localhost:3002']);
    expect(await hosts(world, 'pay-me')).to.deep.equal(['localhost:4']);
    expect(world.registry.watches).to.deep.equal([]);
    const bare = new World({ env, registry: false });
    expect(await hosts(bare, 'orders')).to.deep.equal(['localhost:3001', 'localhost:3002']);
    expect(bare.engine.route(new URL('http://orders/'))?.service).to.equal('orders');
  });

  it('is found by the name as written and by the canonical one', async () => {
    const env = { CROWFLY_SHOP_ORDERS: 'http://localhost:1' };
    const world = new World({ env, registry: canonical });
    expect(await hosts(world, 'orders.shop.svc')).to.deep.equal(['localhost:1']);
  });

  it('is left alone when it is empty, for other names, or when env is false', () => {
    const env = { CROWFLY_ORDERS: '', CROWFLY_OTHER: 'http://localhost:1' };
    const world = new World({ env });
    world.engine.watch('orders', () => {});
    expect(world.registry.watches).to.have.length(1);
    routes({ registry: false, env }, { 'http://other.example.com/': undefined });
  });

  it('is refused when it is no origin, without being printed: it may be a secret', () => {
    for (const value of [
      's3cr3t',
      'http://user:s3cr3t@localhost:1',
      'http://user:s3cr3t@localhost:99999',
      'http://localhost:1/s3cr3t',
      'http://localhost:1?s3cr3t',
      'ftp://s3cr3t',
    ]) {
      const world = new World({ env: { CROWFLY_ORDERS: value } });
      try {
        world.engine.route(new URL('http://orders/'));
        expect.fail(`accepted ${value}`);
      } catch (error) {
        expect(isCrowflyError(error, 'bad-option'), String(error)).to.equal(true);
        expect(String(error)).to.include('CROWFLY_ORDERS');
        expect(`${(error as Error).stack}`).not.to.include('s3cr3t');
      }
      expect(fault({ services: { orders: { url: value } } }).message).not.to.include('s3cr3t');
    }
  });
});
