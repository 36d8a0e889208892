import { isCrowflyError, type Target } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { locate, serviceOf } from '../dist/names.js';

const NAMING = { domain: 'consul' };
const keyOf = (target: Target): string | undefined => locate(target, NAMING)?.key;
const url = (host: string, port?: number): Target => ({
  scheme: 'http',
  host,
  ...(port === undefined ? {} : { port }),
});

describe('names', () => {
  it('of one service, in every spelling, are one', () => {
    const spellings: Readonly<Record<string, readonly Target[]>> = {
      orders: [
        'orders',
        'Orders',
        'orders.service.consul',
        url('orders'),
        url('orders.service.consul'),
        url('orders.service.consul.'),
        url('orders.service.consul', 8080),
        url('_orders._tcp.service.consul'),
      ],
      'v2.orders': ['v2.orders', url('v2.orders.service.consul'), url('_orders._v2.service.consul')],
      'orders@dc2': ['orders@dc2', url('orders.service.dc2.consul'), url('orders.service.dc2.dc.consul')],
      'v2.orders@dc2': ['v2.orders@dc2', url('v2.orders.service.dc2.consul')],
    };
    for (const [key, targets] of Object.entries(spellings)) {
      for (const target of targets) expect(keyOf(target), JSON.stringify(target)).to.equal(key);
      expect(keyOf(key), 'the key leads to itself').to.equal(key);
    }
    expect(serviceOf({ key: 'v2.orders@dc2' })).to.deep.equal({
      name: 'orders',
      tag: 'v2',
      datacenter: 'dc2',
    });
    expect(serviceOf({ key: 'orders' })).to.deep.equal({
      name: 'orders',
      tag: undefined,
      datacenter: undefined,
    });
  });

  it('that could be hosts of the Internet are Consul’s only when the table says so', () => {
    expect(keyOf(url('v2.orders'))).to.equal(undefined);
    expect(keyOf({ ...(url('v2.orders') as object), configured: true } as Target)).to.equal('v2.orders');
    expect(keyOf(url('www.example.com'))).to.equal(undefined);
    expect(keyOf('www.example.com')).to.equal(undefined);
    expect(keyOf('orders.')).to.equal(undefined);
  });

  it('of nodes are hosts, and of what cannot be called say what to do', () => {
    for (const host of ['web-1.node.consul', 'c0a80101.addr.dc1.consul', 'consul'])
      expect(keyOf(url(host))).to.equal(undefined);
    for (const host of [
      'x.query.consul',
      'orders.connect.consul',
      'orders.virtual.consul',
      'orders.ingress.consul',
      'a.b.orders.service.consul',
      'orders.service.ns1.ns.dc1.dc.consul',
      'or ders.service.consul',
    ]) {
      let error: unknown;
      try {
        keyOf(url(host));
      } catch (thrown) {
        error = thrown;
      }
      expect(isCrowflyError(error, 'bad-name'), host).to.equal(true);
    }
  });

  it('of any kind are answered with a key that is its own, with nothing, or with bad-name', () => {
    const part = fc.constantFrom(
      'orders',
      'v2',
      '_tcp',
      'service',
      'consul',
      'dc1',
      '..',
      '/',
      '@',
      '?',
      '',
      '__proto__',
    );
    const any = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(any, (text) => {
        for (const target of [text, url(text)]) {
          try {
            const key = keyOf(target);
            if (key !== undefined) expect(keyOf(key)).to.equal(key);
          } catch (error) {
            if (!isCrowflyError(error, 'bad-name')) throw error;
          }
        }
      }),
    );
  });
});
