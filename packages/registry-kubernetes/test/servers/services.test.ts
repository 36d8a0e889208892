import type { CrowflyError } from '@crowfly/core';
import { until } from '@crowfly/servers';
import { expect } from 'chai';
import { type Answer, DnsServer, SERVFAIL } from '../support/dns-server.js';
import { Seen } from './support/seen.js';
import { Shop } from './support/shop.js';
import { slowClock } from './support/slow-clock.js';

describe('services and their names', () => {
  let shop: Shop;
  before(async function () {
    shop = await Shop.start(this);
  });
  afterEach(() => shop?.closeClients());
  after(() => shop?.close());

  /** A service whose ports are 80 and 81, with other target ports. */
  async function multiPort(name: string): Promise<void> {
    await shop.cluster.service('shop', name, {
      selector: { app: name },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'admin', port: 81, targetPort: 9090 },
        { name: 'dns', port: 53, targetPort: 5353, protocol: 'UDP' },
      ],
    });
  }

  it('a service with several ports is called by number, by name, and as SRV names it', async () => {
    await multiPort('ports');
    await shop.pod('ports', 1, '10.77.1.1');
    const discovery = shop.open();
    const traffic = shop.count();
    for (const [name, address] of [
      ['ports', '10.77.1.1:8080'],
      ['ports:80', '10.77.1.1:8080'],
      ['ports:81', '10.77.1.1:9090'],
      ['ports:9090', '10.77.1.1:9090'],
      ['ports:admin', '10.77.1.1:9090'],
      ['_http._tcp.ports.shop', '10.77.1.1:8080'],
      ['_admin._tcp.ports.shop.svc.cluster.local', '10.77.1.1:9090'],
    ] as const)
      await new Seen(discovery, name).ready(address);
    expect(await hostFor(discovery, 'http://ports:81/')).to.equal('10.77.1.1:9090');
    expect(await hostFor(discovery, 'http://_http._tcp.ports.shop/')).to.equal('10.77.1.1:8080');
    const unknown = await new Seen(discovery, 'ports:82').status('unknown');
    expect(unknown.reason)
      .to.include("Service 'ports' in namespace 'shop' is there, but it has no port 82, only")
      .and.to.include('http (80, target 8080)')
      .and.to.include('admin (81, target 9090)')
      .and.to.not.include('dns');
    expect(traffic.lists.length, 'one list for each name that was added').to.be.at.most(9);
    expect(new Set(traffic.watches.map((path) => /in%20\(([^)]*)\)/.exec(path)?.[1]))).to.deep.equal(
      new Set(['ports']),
    );
  });

  it('a change of the ports of a service is followed', async () => {
    await multiPort('moved');
    await shop.pod('moved', 1, '10.77.2.1');
    const discovery = shop.open();
    const http = new Seen(discovery, 'moved');
    const admin = new Seen(discovery, 'moved:81');
    await http.ready('10.77.2.1:8080');
    await admin.ready('10.77.2.1:9090');
    await shop.cluster.service('shop', 'moved', {
      selector: { app: 'moved' },
      ports: [
        { name: 'http', port: 80, targetPort: 8081 },
        { name: 'ops', port: 81, targetPort: 9091 },
      ],
    });
    await http.ready('10.77.2.1:8081');
    await admin.ready('10.77.2.1:9091');
  });

  it('a service with one port is called by any number, and asks nobody for the Service', async () => {
    await shop.service('single');
    await shop.pod('single', 1, '10.77.3.1');
    const traffic = shop.count();
    const discovery = shop.open();
    for (const name of ['single', 'single:80', 'single:8080', 'single:1234'])
      await new Seen(discovery, name).ready('10.77.3.1:8080');
    expect(traffic.services).to.deep.equal([]);
  });

  it('without the right to read services a number is no port, and the error says which right is missing', async () => {
    await shop.cluster.apply(
      JSON.stringify({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'crowfly' },
        rules: [
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
        ],
      }),
      'shop',
    );
    try {
      await multiPort('blind');
      await shop.pod('blind', 1, '10.77.4.1');
      await until('the right to be gone', async () => {
        const seen = shop.see('blind:81');
        await seen.until('a word', ({ status }) => status !== 'pending');
        return seen.last.status === 'unknown';
      });
      const discovery = shop.open();
      const { reason } = await new Seen(discovery, 'blind:81').status('unknown');
      expect(reason)
        .to.include("get services in namespace 'shop' (403")
        .and.to.include('{ apiGroups: [""], resources: [services], verbs: [get] }')
        .and.to.include('its pods have http (target 8080), admin (target 9090): write a target port');
      const error: CrowflyError = await discovery.acquire('blind:81').then(
        () => expect.fail('there was an instance'),
        (caught) => caught,
      );
      expect(error.message).to.include('resources: [services]');
      // What needs no Service goes on.
      await new Seen(discovery, '_admin._tcp.blind.shop').ready('10.77.4.1:9090');
      await new Seen(discovery, 'blind').ready('10.77.4.1:8080');
      const missing = await new Seen(discovery, 'nothing').status('unknown');
      expect(missing.reason).to.include('is not to be seen');
    } finally {
      await shop.account.grant();
    }
  });

  it('every form of a name that works in a pod leads to one set and one watch', async () => {
    await shop.service('forms');
    await shop.pod('forms', 1, '10.77.5.1');
    const discovery = shop.open();
    await discovery.ready(['forms' as never]);
    const traffic = shop.count();
    for (const url of [
      'http://forms/v1',
      'http://FORMS/v1',
      'http://forms:80/v1',
      'http://forms.shop/v1',
      'http://forms.shop.svc/v1',
      'http://forms.shop.svc.cluster.local/v1',
      'http://forms.shop.svc.cluster.local./v1',
    ]) {
      const route = discovery.route(new URL(url));
      expect(route?.service, url).to.equal('forms.shop');
      expect(await hostFor(discovery, url), url).to.equal('10.77.5.1:8080');
    }
    expect(traffic.requests.filter((path) => !path.includes('watch=1'))).to.deep.equal([]);
  });

  it('names that were made up disturb nobody', async () => {
    await shop.service('calm');
    await shop.pod('calm', 1, '10.77.6.1');
    const discovery = shop.open();
    const calm = new Seen(discovery, 'calm');
    await calm.ready('10.77.6.1:8080');
    const words = calm.snapshots.length;
    const made = Array.from({ length: 30 }, (_, index) => `made-up-${index}`);
    const outcomes = await Promise.allSettled(made.map((name) => discovery.acquire(name as never)));
    for (const outcome of outcomes)
      expect((outcome as PromiseRejectedResult).reason).to.have.property('code', 'unknown-service');
    await shop.cluster.ready('shop', 'calm-1', false);
    await calm.ready();
    await shop.cluster.ready('shop', 'calm-1', true);
    await calm.ready('10.77.6.1:8080');
    expect(calm.snapshots).to.have.length(words + 2);
    for (const host of ['www.example.com', 'orders.example.com', '10.77.6.1', 'localhost'])
      expect(discovery.route(new URL(`http://${host}/`)), host).to.equal(undefined);
  });

  it('a protocol that the Service names is the endpoint’s', async () => {
    await shop.cluster.service('shop', 'secure', {
      selector: { app: 'secure' },
      ports: [{ name: 'web', port: 443, targetPort: 8443, appProtocol: 'https' }],
    });
    await shop.pod('secure', 1, '10.77.7.1');
    const [endpoint] = await shop.see('secure').ready('10.77.7.1:8443');
    expect(endpoint?.protocol).to.equal('https');
  });

  it('an ExternalName is what DNS says, follows it, and becomes a normal service when the Service does', async () => {
    const dns = await DnsServer.start();
    const say = (answer: Answer): unknown => dns.answers.set('legacy.example.test', answer);
    try {
      say({ a: ['10.88.0.1', '10.88.0.2'], ttl: 5 });
      await shop.cluster.service('shop', 'outside', { externalName: 'legacy.example.test' });
      // Its patience of half a minute, in three seconds.
      const registry = { dnsServers: [dns.address] };
      const seen = new Seen(shop.open({ registry, clock: slowClock(0.1) }), 'outside');
      await seen.ready('10.88.0.1:80', '10.88.0.2:80');
      say({ a: ['10.88.0.2', '10.88.0.3'], ttl: 5 });
      await seen.ready('10.88.0.2:80', '10.88.0.3:80');
      say(SERVFAIL);
      const { cause } = await seen.status('stale');
      expect((cause as Error).message).to.match(/^DNS does not say where legacy\.example\.test is/);
      expect(seen.addresses).to.deep.equal(['10.88.0.2:80', '10.88.0.3:80']);
      say({ a: ['10.88.0.2', '10.88.0.3'], ttl: 5 });
      await seen.ready('10.88.0.2:80', '10.88.0.3:80');
      await shop.pod('outside', 1, '10.77.8.1');
      await shop.service('outside');
      await seen.ready('10.77.8.1:8080');
      // The other way round its slices stay in the cluster, and nobody keeps them: they count until they are removed.
      await shop.cluster.service('shop', 'outside', { externalName: 'legacy.example.test' });
      const left = await until('what is left to be mirrored too', async () => {
        const slices = await shop.cluster.slices('shop', 'outside');
        return slices.length === 2 && slices;
      });
      expect(left.flatMap(({ endpoints }) => endpoints[0].addresses)).to.deep.equal([
        '10.77.8.1',
        '10.77.8.1',
      ]);
      await shop.cluster.delete('Endpoints', 'shop', 'outside');
      for (const { metadata } of left) await shop.cluster.deleteSlice('shop', metadata.name);
      await seen.until('DNS again', () => seen.addresses.join() === '10.88.0.2:80,10.88.0.3:80');
    } finally {
      await shop.closeClients();
      await dns.close();
    }
  }).timeout(60_000);

  it('fifty services in use are one connection, and one watch in each namespace', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `fifty-${index}`);
    await Promise.all(names.map((name) => shop.manual(name)));
    await Promise.all(names.map((name, index) => shop.slice(name, `${name}-1`, [`10.79.0.${index + 1}`])));
    const traffic = shop.count();
    const discovery = shop.open();
    const seen = names.map((name) => new Seen(discovery, name));
    await Promise.all(seen.map((one, index) => one.ready(`10.79.0.${index + 1}:8080`)));
    await until('a watch of all', () => traffic.watches.at(-1)?.includes('fifty-49'));
    if (process.env.CROWFLY_MEASURE)
      console.log(
        `50 services: ${traffic.lists.length} lists, ${traffic.watches.length} watches, ${traffic.services.length} gets, ${traffic.connections} connections (${[...traffic.protocols].join()})`,
      );
    expect({
      lists: traffic.lists.length,
      watches: traffic.watches.length,
      services: traffic.services.length,
      connections: traffic.connections,
      open: shop.proxy.connections,
      protocols: [...traffic.protocols],
    }).to.deep.equal({ lists: 1, watches: 1, services: 0, connections: 1, open: 1, protocols: ['h2'] });
    await Promise.all(
      names.map((name, index) =>
        shop.slice(name, `${name}-1`, [`10.79.0.${index + 1}`, `10.79.1.${index + 1}`]),
      ),
    );
    await Promise.all(seen.map((one) => one.size(2)));
    expect(traffic.requests).to.have.length(2);
  });
});

/** Where a call of this URL goes. */
async function hostFor(discovery: ReturnType<Shop['open']>, url: string): Promise<string> {
  const route = discovery.route(new URL(url));
  if (route === undefined) return 'nowhere';
  const lease = await discovery.acquire(route);
  lease.done({ kind: 'canceled' });
  return `${lease.endpoint.host}:${lease.endpoint.port}`;
}
