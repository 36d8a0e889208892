import { checkServiceName, isAddress, isCrowflyError, nameFault, overrideVariable } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';

describe('a service name', () => {
  it('is made of labels that a URL carries unchanged', () => {
    for (const name of [
      'orders',
      'orders-v2',
      'orders_v2',
      'a',
      '0a',
      'a.b.c',
      'orders.shop.svc.cluster.local',
      '_http._tcp.orders',
      'x'.repeat(63),
    ]) {
      expect(nameFault(name), name).to.equal(undefined);
      expect(new URL(`http://${name}/`).hostname).to.equal(name);
    }
  });

  it('is refused with a reason, and with the fix where there is one', () => {
    const faults: Record<string, RegExp> = {
      '': /empty/,
      Orders: /write 'orders'/,
      '.': /empty label/,
      'a..b': /empty label/,
      'a.': /empty label/,
      'a/b': /a-z, 0-9/,
      '../x': /empty label/,
      'a b': /a-z, 0-9/,
      'a:80': /a-z, 0-9/,
      'a@b': /a-z, 0-9/,
      bücher: /a-z, 0-9/,
      '127.0.0.1': /IP address/,
      '2024': /IP address/,
      'a.2024': /IP address/,
      '0x7f': /IP address/,
      '::1': /a-z, 0-9/,
      ['x'.repeat(64)]: /at most 63/,
      ['x.'.repeat(200)]: /400 characters; 253/,
    };
    for (const [name, reason] of Object.entries(faults)) {
      expect(nameFault(name), name).to.match(reason);
      expect(() => checkServiceName(name))
        .to.throw(reason)
        .with.property('code', 'bad-name');
    }
    expect(() => checkServiceName('a b', 'services.x', 'bad-option')).to.throw(/^services\.x/);
    expect(() => checkServiceName(7 as never)).to.throw(/string/);
  });

  it('that is accepted is always the host of the URL that is made of it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.domain(),
          fc.string({ unit: fc.constantFrom(...'ab0x.-_1') }),
        ),
        (name) => {
          if (nameFault(name) !== undefined) return;
          const url = new URL(`http://${name}/`);
          expect(url.hostname).to.equal(name);
          expect(url.pathname + url.search + url.hash + url.port + url.username).to.equal('/');
        },
      ),
      { numRuns: 5_000 },
    );
  });

  it('is overridden by a variable of capitals, digits and underscores', () => {
    expect(overrideVariable('orders-v2.shop')).to.equal('CROWFLY_ORDERS_V2_SHOP');
    expect(overrideVariable('shop/orders')).to.equal('CROWFLY_SHOP_ORDERS');
    fc.assert(fc.property(fc.string(), (name) => /^CROWFLY_[A-Z0-9_]*$/.test(overrideVariable(name))));
  });
});

describe('an address', () => {
  it('is whatever a URL parser reads as one', () => {
    for (const host of [
      '127.0.0.1',
      '127.1',
      '0x7f000001',
      '0X7F.1',
      '2130706433',
      '1.2.3.4',
      '::1',
      '[::1]',
      'fe80::1%eth0',
    ])
      expect(isAddress(host), host).to.equal(true);
    for (const host of ['orders', 'a.b', '1a', 'a1', 'x.0y', 'localhost', '0xg', ''])
      expect(isAddress(host), host).to.equal(false);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4Extended(),
          fc.ipV4(),
          fc.domain(),
          fc.string({ unit: fc.constantFrom(...'0x1f.9') }),
        ),
        (host) => {
          let parsed: string;
          try {
            parsed = new URL(`http://${host}/`).hostname;
          } catch {
            return;
          }
          if (/^\d+\.\d+\.\d+\.\d+$/.test(parsed)) expect(isAddress(host), host).to.equal(true);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('isCrowflyError', () => {
  it('is not fooled by what only looks alike', () => {
    for (const value of [
      undefined,
      null,
      'CrowflyError',
      { name: 'CrowflyError', code: 'closed' },
      new Error('x'),
    ])
      expect(isCrowflyError(value)).to.equal(false);
  });
});
