import { isCrowflyError, type ServiceRef, type Target } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { isLabel, locate, type Naming, serviceOf } from '../dist/names.js';

const naming: Naming = { namespace: 'shop', namespaces: ['billing'], clusterDomain: 'cluster.local' };

function url(text: string): Target {
  const { protocol, hostname, port } = new URL(text);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return { scheme, host: hostname.replace(/^\[|\]$/g, ''), ...(port === '' ? {} : { port: Number(port) }) };
}

/** As settings, messages and `explain` spell it. */
const spell = ({ key, port }: ServiceRef): string => (port === undefined ? key : `${key}:${port}`);

const located = (text: string, by = naming): string => {
  const ref = locate(text.includes('://') ? url(text) : text, by);
  return ref === undefined ? 'not ours' : spell(ref);
};

describe('names of services in Kubernetes', () => {
  for (const [name, expected] of Object.entries({
    // Short, with a namespace, and the long forms of DNS.
    orders: 'orders.shop',
    'http://orders/': 'orders.shop',
    'http://ORDERS/': 'orders.shop',
    'http://orders.shop/': 'orders.shop',
    'http://orders.billing/': 'orders.billing',
    'orders.elsewhere': 'orders.elsewhere',
    'http://orders.elsewhere.svc/': 'orders.elsewhere',
    'http://orders.elsewhere.svc.cluster.local/': 'orders.elsewhere',
    'http://orders.elsewhere.svc.cluster.local./': 'orders.elsewhere',
    'orders.shop.svc.cluster.local.': 'orders.shop',
    // A namespace may be called svc, a service too.
    'orders.svc': 'orders.svc',
    'http://orders.svc.svc/': 'orders.svc',
    'svc.svc.svc': 'svc.svc',
    // Ports.
    'http://orders:80/': 'orders.shop',
    'orders:80': 'orders.shop',
    'https://orders:80/': 'orders.shop',
    'https://orders/': 'orders.shop:443',
    'https://orders:443/': 'orders.shop:443',
    'http://orders:443/': 'orders.shop:443',
    'orders:443': 'orders.shop:443',
    'orders:8080': 'orders.shop:8080',
    'orders.shop:metrics': 'orders.shop:metrics',
    'http://_http._tcp.orders/': 'orders.shop:http',
    'http://_http._tcp.orders.shop.svc.cluster.local/': 'orders.shop:http',
    '_http._tcp.orders.elsewhere': 'orders.elsewhere:http',
    'https://_http._tcp.orders/': 'orders.shop:http',
    // Of others.
    'http://www.example.com/': 'not ours',
    'http://example.com/': 'not ours',
    'http://orders.elsewhere/': 'not ours',
    'www.example.com': 'not ours',
    'http://orders./': 'not ours',
    'http://orders.shop./': 'not ours',
    'http://orders.shop.svc./': 'not ours',
    'http://10-0-0-1.shop.pod.cluster.local/': 'not ours',
    'http://web-0.orders.shop.svc.cluster.local/': 'not ours',
    'http://orders.shop.svc.other.domain/': 'not ours',
    'http://10.0.0.1/': 'not ours',
    'http://[::1]/': 'not ours',
    '_http._udp.orders': 'not ours',
    '_._tcp.orders': 'not ours',
    '_http._tcp': 'not ours',
    '_http._tcp.': 'not ours',
    'orders:0': 'not ours',
    'orders:70000': 'not ours',
    'orders:08080': 'not ours',
    'orders:a:b': 'not ours',
    'orders:': 'not ours',
    'orders:UPPER': 'not ours',
    'orders:longer-than-fifteen': 'not ours',
    Orders: 'not ours',
    orders_1: 'not ours',
    '-orders': 'not ours',
    '': 'not ours',
    '.': 'not ours',
    '..': 'not ours',
    '../x': 'not ours',
    '.svc.cluster.local': 'not ours',
    'svc.cluster.local': 'not ours',
    __proto__: 'not ours',
    [`${'a'.repeat(63)}.shop`]: `${'a'.repeat(63)}.shop`,
    [`${'a'.repeat(64)}.shop`]: 'not ours',
    ['a.'.repeat(100_000)]: 'not ours',
  })) {
    it(`${name.length > 90 ? `${name.slice(0, 20)}… (${name.length})` : name} is ${expected.slice(0, 40)}`, () => {
      expect(located(name)).to.equal(expected);
    });
  }

  it('knows another domain of the cluster, and not the usual one then', () => {
    const other = { ...naming, clusterDomain: 'k8s.example.com' };
    expect(located('http://orders.elsewhere.svc.k8s.example.com/', other)).to.equal('orders.elsewhere');
    expect(located('http://orders.elsewhere.svc.cluster.local/', other)).to.equal('not ours');
  });

  it('a name that asks for two ports is an error', () => {
    for (const name of ['_http._tcp.orders:8080', '_http._tcp.orders:https']) {
      const error = failure(() => locate(name, naming));
      expect(isCrowflyError(error, 'bad-name')).to.equal(true);
      expect((error as Error).message).to.match(
        /^'_http._tcp.orders:\w+' with port \w+ names the port twice: leave one/,
      );
    }
    expect(failure(() => locate(url('http://_http._tcp.orders:81/'), naming))).to.be.an('error');
  });

  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);

  it('each reference locates itself, whatever spelling led to it', () => {
    const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('http', 'a1', 'web-1'));
    fc.assert(
      fc.property(
        label,
        label,
        fc.option(port),
        fc.constantFrom('', '.svc', '.svc.cluster.local', '.svc.cluster.local.'),
        (name, namespace, at, tail) => {
          const ref = locate(
            `${name}.${namespace}${tail}${at === null ? '' : `:${at}`}`,
            naming,
          ) as ServiceRef;
          expect(locate(spell(ref), naming)).to.deep.equal(ref);
          expect(serviceOf(ref)).to.deep.equal({ name, namespace });
        },
      ),
    );
  });

  it('never throws for what is not its own, and gives what it takes for its own in one form', () => {
    const host = fc.oneof(
      fc.string(),
      fc.domain(),
      fc
        .array(fc.oneof(label, fc.constantFrom('svc', 'cluster', 'local', '_tcp', '')), { maxLength: 7 })
        .map((all) => all.join('.')),
    );
    const target = fc.oneof(
      host,
      fc.record(
        {
          scheme: fc.constantFrom('http' as const, 'https' as const),
          host,
          port: fc.integer({ min: 1, max: 65_535 }),
        },
        { requiredKeys: ['scheme', 'host'] },
      ),
    );
    fc.assert(
      fc.property(target, (asked) => {
        let ref: ServiceRef | undefined;
        try {
          ref = locate(asked, naming);
        } catch (error) {
          expect(isCrowflyError(error, 'bad-name')).to.equal(true);
          return;
        }
        if (ref === undefined) return;
        const { name, namespace } = serviceOf(ref);
        expect(isLabel(name) && isLabel(namespace)).to.equal(true);
        expect(locate(spell(ref), naming)).to.deep.equal(ref);
      }),
    );
  });
});

function failure(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
