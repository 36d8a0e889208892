import { createEngine, isCrowflyError } from '@crowfly/core';
import { type InlineService, inline } from '@crowfly/registry-static';
import { expect } from 'chai';
import { context, Watched } from './support/watched.js';

/** What a list is refused with. */
function refusal(services: unknown): string {
  try {
    inline(services as Record<string, InlineService>);
  } catch (error) {
    if (isCrowflyError(error, 'bad-option')) return error.message;
    throw error;
  }
  return expect.fail('it was taken');
}

describe('an inline list', () => {
  it('has instances as addresses, URLs and fields, and services without any', async () => {
    const registry = inline({
      orders: ['10.0.0.1:8080', 'http://10.0.0.2', { host: '::1', port: 1, zone: 'a', metadata: { v: '2' } }],
      users: { protocol: 'https', endpoints: ['u:1', { host: 'w', port: 2 }] },
      none: [],
    })(context);
    const [orders, users, none] = ['orders', 'users', 'none'].map((name) => new Watched(registry, name));
    expect(orders?.sets).to.deep.equal([
      [
        { id: '10.0.0.1:8080', host: '10.0.0.1', port: 8080 },
        { id: '10.0.0.2:80', host: '10.0.0.2', port: 80, protocol: 'http' },
        { id: '[::1]:1', host: '::1', port: 1, zone: 'a', metadata: { v: '2' } },
      ],
    ]);
    expect(users?.said).to.deep.equal(['u:1 w:2']);
    expect(none?.sets).to.deep.equal([[]]);
    for (const watched of [orders, users, none]) await watched?.end();
  });

  it('selects by port when the URL names one, and says which there are when none has it', async () => {
    const registry = inline({ orders: ['a:80', 'b:8081', 'c:8081'] })(context);
    const located = registry.locate({ scheme: 'http', host: 'orders', port: 8081 });
    expect(located).to.deep.equal({ key: 'orders', port: 8081 });
    const some = new Watched(registry, 'orders', 8081);
    expect(some.said).to.deep.equal(['b:8081 c:8081']);
    const none = new Watched(registry, 'orders', 9);
    expect(none.unknowns).to.deep.equal([
      "the inline list has no instance of 'orders' on port 9, only on 80, 8081: write http://orders/",
    ]);
    const misspelt = new Watched(registry, 'ordrs');
    expect(misspelt.unknowns).to.deep.equal([
      "the inline list has no service 'ordrs': did you mean 'orders'?",
    ]);
    for (const watched of [some, none, misspelt]) await watched.end();
  });

  it('claims single-label names, and those with a dot that it has', () => {
    const registry = inline({ orders: [], 'users.shop': [] })(context);
    const locate = (host: string): unknown => registry.locate({ scheme: 'http', host });
    expect(locate('orders')).to.deep.equal({ key: 'orders' });
    expect(locate('anything')).to.deep.equal({ key: 'anything' });
    expect(locate('users.shop')).to.deep.equal({ key: 'users.shop' });
    expect(registry.locate('orders:81')).to.deep.equal({ key: 'orders', port: 81 });
    for (const other of [
      'example.com',
      'localhost',
      '10.0.0.1',
      '[::1]',
      'a b',
      'Orders',
      '',
      '.',
      '..',
      'x'.repeat(64),
    ]) {
      expect(locate(other), other).to.equal(undefined);
      expect(registry.locate(other), other).to.equal(undefined);
    }
    for (const other of ['orders:0', 'orders:70000', 'orders:http', 'orders:']) {
      expect(registry.locate(other), other).to.equal(undefined);
    }
  });

  it('is refused at once, with the path of what is wrong', () => {
    const cases: readonly (readonly [services: unknown, message: string])[] = [
      [
        { orders: ['a:1', { host: 'b', port: 70_000 }] },
        'inline.orders[1].port: expected a whole number from 1 to 65535, got 70000',
      ],
      [
        { orders: ['a:1', 'a:1'] },
        'inline.orders[1]: an instance with this id stands above: give each an id of its own',
      ],
      [
        { orders: [{ host: 'b', port: 1, wieght: 1 }] },
        "inline.orders[0].wieght: there is no such key; did you mean 'weight'?",
      ],
      [{ orders: ['10.0.0.1'] }, 'inline.orders[0]: the port is missing'],
      [{ orders: [7] }, "inline.orders[0]: expected 'host:port' or { host, port }, got the number 7"],
      [{ orders: 'a:1' }, 'inline.orders: expected a list of instances (write [] for none), got a string'],
      [
        { users: { protocol: 'ftp', endpoints: [] } },
        "inline.users.protocol: expected 'http' or 'https' or 'h2c', got 'ftp'",
      ],
      [
        { Orders: [] },
        "inline.Orders: no URL can reach a service of this name: URL hosts are lower-cased: write 'orders'",
      ],
      [['a:1'], 'inline: expected services by name, got a list'],
      [undefined, 'inline: expected services by name, got undefined'],
    ];
    for (const [services, message] of cases) expect(refusal(services)).to.equal(message);
    expect(refusal({ '../x': [] })).to.match(/^inline\["\.\.\/x"\]: no URL can reach/);
    expect(refusal({ orders: [`http://user:secret@h:1`] }))
      .to.match(/user info/)
      .and.not.include('secret');
    expect(refusal(JSON.parse('{"orders":[{"host":"b","port":1,"__proto__":{}}]}'))).to.match(
      /not possible as a key/,
    );
  });

  it('is what the core serves', async () => {
    const engine = createEngine(() => ({ update() {}, pick: () => undefined }), {
      registry: inline({ orders: ['a:1'] }),
      logger: false,
      env: false,
    });
    expect(await engine.instances('orders')).to.have.length(1);
    expect(engine.route(new URL('http://orders/'))).to.include({ service: 'orders' });
    await engine.close();
  });
});
