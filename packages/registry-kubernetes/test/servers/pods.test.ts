import type { Endpoint } from '@crowfly/core';
import { until } from '@crowfly/servers';
import { expect } from 'chai';
import { addressesOf, Seen } from './support/seen.js';
import { Shop } from './support/shop.js';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

describe('pods, through the real controllers', () => {
  let shop: Shop;
  before(async function () {
    shop = await Shop.start(this);
    await shop.cluster.node('node-a', { zone: 'zone-a' });
    await shop.cluster.node('node-b', { zone: 'zone-b' });
  });
  afterEach(() => shop?.closeClients());
  after(() => shop?.close());

  it('come and go: the set follows, with zone, node and identity', async () => {
    await shop.service('scaled');
    const seen = shop.see('scaled');
    await seen.ready();
    await shop.pod('scaled', 1, '10.77.1.1', 'node-a');
    await shop.pod('scaled', 2, '10.77.1.2', 'node-b');
    const [one] = await seen.ready('10.77.1.1:8080', '10.77.1.2:8080').then(byHost);
    const { uid } = (await shop.cluster.get('Pod', 'shop', 'scaled-1')).metadata;
    expect(one).to.deep.equal({
      id: `${uid}:8080`,
      name: 'scaled-1',
      host: '10.77.1.1',
      port: 8080,
      state: 'ready',
      zone: 'zone-a',
      node: 'node-a',
      metadata: { pod: 'scaled-1', namespace: 'shop', node: 'node-a' },
    });
    for (const number of [3, 4]) await shop.pod('scaled', number, `10.77.1.${number}`, 'node-a');
    await seen.size(4);
    for (const number of [1, 3, 4]) await shop.cluster.finishDeletion('shop', `scaled-${number}`);
    await seen.ready('10.77.1.2:8080');
    await shop.cluster.finishDeletion('shop', 'scaled-2');
    await seen.ready();
  });

  it('become ready and unready', async () => {
    await shop.service('flips');
    for (const number of [1, 2]) await shop.pod('flips', number, `10.77.2.${number}`);
    const seen = shop.see('flips');
    await seen.size(2);
    for (const _ of range(3)) {
      await shop.cluster.ready('shop', 'flips-1', false);
      await seen.ready('10.77.2.2:8080');
      await shop.cluster.ready('shop', 'flips-1', true);
      await seen.ready('10.77.2.1:8080', '10.77.2.2:8080');
    }
    expect(new Set(seen.snapshots.flatMap(ids)).size, 'ids over all flips').to.equal(2);
  });

  it('that are deleted drain first, and are picked only when nothing else is left', async () => {
    await shop.service('drained');
    for (const number of [1, 2]) await shop.pod('drained', number, `10.77.3.${number}`);
    const discovery = shop.open();
    const seen = new Seen(discovery, 'drained');
    await seen.size(2);
    await shop.cluster.deletePod('shop', 'drained-1');
    await seen.ready('10.77.3.1:8080 draining', '10.77.3.2:8080');
    expect(await picked(discovery, 'drained')).to.deep.equal(['10.77.3.2']);
    await shop.cluster.deletePod('shop', 'drained-2');
    await seen.ready('10.77.3.1:8080 draining', '10.77.3.2:8080 draining');
    expect(await picked(discovery, 'drained')).to.deep.equal(['10.77.3.1', '10.77.3.2']);
    await shop.pod('drained', 3, '10.77.3.3');
    await seen.size(3);
    expect(await picked(discovery, 'drained')).to.deep.equal(['10.77.3.3']);
    for (const number of [1, 2]) await shop.cluster.finishDeletion('shop', `drained-${number}`);
    await seen.ready('10.77.3.3:8080');
  });

  it('that fail their probe while they drain are gone', async () => {
    await shop.service('failing');
    for (const number of [1, 2]) await shop.pod('failing', number, `10.77.4.${number}`);
    const seen = shop.see('failing');
    await seen.size(2);
    await shop.cluster.deletePod('shop', 'failing-1');
    await seen.ready('10.77.4.1:8080 draining', '10.77.4.2:8080');
    await shop.cluster.ready('shop', 'failing-1', false);
    await seen.ready('10.77.4.2:8080');
  });

  it('are replaced one by one, as in a rolling update: the set is never without a ready one, or with a stranger', async () => {
    await shop.service('rolled');
    for (const number of range(4)) await shop.pod('rolled', number, `10.77.5.${number}`);
    const discovery = shop.open();
    const guarded: unknown[] = [];
    discovery.on('guard', (event) => guarded.push(event));
    const seen = new Seen(discovery, 'rolled');
    await seen.size(4);
    for (const number of range(4)) {
      await shop.pod('rolled', number + 4, `10.77.5.${number + 4}`);
      await seen.until('the new one', (last) => addressesOf(last).includes(`10.77.5.${number + 4}:8080`));
      await shop.cluster.deletePod('shop', `rolled-${number}`);
      await seen.until('the old one draining', (last) =>
        addressesOf(last).includes(`10.77.5.${number}:8080 draining`),
      );
      await shop.cluster.finishDeletion('shop', `rolled-${number}`);
    }
    await seen.ready(...range(4).map((number) => `10.77.5.${number + 4}:8080`));
    const sets = seen.snapshots.slice(1);
    for (const set of sets) {
      expect(set.status).to.equal('ready');
      expect(addressesOf(set).filter((address) => !address.endsWith('draining')).length).to.be.within(4, 5);
    }
    expect(guarded, 'times the guard had doubts').to.have.length(0);
  });

  it('are more than a slice holds: 150 of them, first and while they come', async () => {
    await shop.service('many');
    const early = shop.see('many');
    await early.ready();
    for (const hundred of [0, 50, 100])
      await Promise.all(range(50).map((number) => shop.pod('many', hundred + number, ip(hundred + number))));
    await early.size(150);
    const slices = await shop.cluster.slices('shop', 'many');
    expect(slices.length, 'slices').to.be.greaterThan(1);
    const late = shop.see('many');
    await late.until('a first word', (last) => last.status !== 'pending');
    expect(late.endpoints).to.have.length(150);
    expect(addressesOf(late.last)).to.deep.equal(addressesOf(early.last));
    expect(ids(late.last)).to.deep.equal(ids(early.last));
    const sizes = early.snapshots.map((snapshot) => ids(snapshot).length);
    expect(sizes, 'sizes while they came').to.deep.equal([...sizes].sort((a, b) => a - b));

    // A slice that somebody deletes: the controller makes another one, and nobody is lost for good.
    const [first] = slices;
    await shop.cluster.deleteSlice('shop', first!.metadata.name);
    await until('a new slice', async () => {
      const now = await shop.cluster.slices('shop', 'many');
      const total = now.reduce((sum, slice) => sum + (slice.endpoints?.length ?? 0), 0);
      return total === 150 && now.every(({ metadata }) => metadata.name !== first!.metadata.name);
    });
    await early.size(150);
    await late.size(150);
    expect(ids(late.last)).to.deep.equal(ids(early.last));
  }).timeout(60_000);

  it('of a service that is deleted stay in use through the guard, and the service is ready when it is back', async () => {
    await shop.service('deleted');
    for (const number of [1, 2]) await shop.pod('deleted', number, `10.77.6.${number}`);
    const discovery = shop.open();
    const held: number[] = [];
    discovery.on('guard', (event) => held.push(event.held));
    const seen = new Seen(discovery, 'deleted');
    await seen.size(2);
    await shop.cluster.delete('Service', 'shop', 'deleted');
    const { reason } = await seen.status('unknown');
    expect(reason).to.match(/no Service 'deleted' in namespace 'shop'/);
    expect(seen.snapshots.map(({ status }) => status)).to.not.include('stale');
    expect(held).to.deep.equal([2]);
    expect(await picked(discovery, 'deleted'), 'calls go on').to.deep.equal(['10.77.6.1', '10.77.6.2']);
    await shop.service('deleted');
    await seen.ready('10.77.6.1:8080', '10.77.6.2:8080');
    const statuses = seen.snapshots.map((snapshot) => `${snapshot.status} ${ids(snapshot).length}`);
    expect(statuses.slice(-3)).to.deep.equal(['ready 2', 'unknown 0', 'ready 2']);
  });

  it('have the topology hints that the controller gives', async () => {
    await shop.cluster.put({
      kind: 'Service',
      metadata: { name: 'near', namespace: 'shop' },
      ...{
        spec: {
          selector: { app: 'near' },
          ports: [{ port: 80, targetPort: 8080 }],
          trafficDistribution: 'PreferSameZone',
        },
      },
    });
    await shop.pod('near', 1, '10.77.7.1', 'node-a');
    await shop.pod('near', 2, '10.77.7.2', 'node-b');
    const seen = shop.see('near');
    await seen.until(
      'hints',
      () => seen.endpoints.length === 2 && seen.endpoints.every(({ hints }) => hints !== undefined),
    );
    const [one, two] = byHost(seen.endpoints);
    expect(one?.hints).to.deep.equal({ zones: ['zone-a'] });
    expect(two?.hints).to.deep.equal({ zones: ['zone-b'] });
  });

  it('of a headless service: with several ports, without ports, and unready ones where they are published', async () => {
    const ports = [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'admin', port: 9000, targetPort: 9090 },
    ];
    await shop.cluster.service('shop', 'headless', { headless: true, selector: { app: 'headless' }, ports });
    await shop.cluster.service('shop', 'portless', {
      headless: true,
      selector: { app: 'headless' },
      ports: [],
    });
    await shop.cluster.service('shop', 'eager', {
      headless: true,
      publishNotReadyAddresses: true,
      selector: { app: 'headless' },
      ports: [{ port: 80, targetPort: 8080 }],
    });
    await shop.pod('headless', 1, '10.77.8.1');
    const labels = { app: 'headless' };
    await shop.cluster.pod('shop', 'headless-2', { labels, ip: '10.77.8.2', ready: false });
    const discovery = shop.open();
    const sees = (name: string): Seen => new Seen(discovery, name);
    await sees('headless').ready('10.77.8.1:8080');
    await sees('headless:9000').ready('10.77.8.1:9090');
    await sees('_admin._tcp.headless.shop').ready('10.77.8.1:9090');
    // As with DNS: the port is the URL's.
    await sees('portless').ready('10.77.8.1:80');
    await sees('portless:7000').ready('10.77.8.1:7000');
    const eager = sees('eager');
    await eager.ready('10.77.8.1:8080', '10.77.8.2:8080');
    await shop.cluster.deletePod('shop', 'headless-1');
    await eager.ready('10.77.8.1:8080 draining', '10.77.8.2:8080');
  });

  it('with addresses of both families are there once, in the family that is asked for', async () => {
    await shop.cluster.service('shop', 'dual', {
      selector: { app: 'dual' },
      ports: [{ port: 80, targetPort: 8080 }],
      ipFamilies: ['IPv4', 'IPv6'],
    });
    await shop.cluster.pod('shop', 'dual-1', { labels: { app: 'dual' }, ip: ['10.77.9.1', 'fd77::9:1'] });
    await until('slices of both', async () => {
      const slices = await shop.cluster.slices('shop', 'dual');
      return slices.filter(({ endpoints }) => endpoints?.length === 1).length === 2;
    });
    const four = shop.see('dual');
    const six = shop.see('dual', { ipFamily: 'IPv6' });
    await four.ready('10.77.9.1:8080');
    await six.ready('fd77::9:1:8080');
    expect(six.endpoints[0]?.id).to.equal(four.endpoints[0]?.id);
    await shop.cluster.service('shop', 'six', {
      selector: { app: 'dual' },
      ports: [{ port: 80, targetPort: 8080 }],
      ipFamilies: ['IPv6'],
    });
    await shop.see('six').ready('fd77::9:1:8080');
  });
});

const ids = (snapshot: Seen['last']): string[] =>
  'endpoints' in snapshot ? snapshot.endpoints.map(({ id }) => id) : [];

const byHost = (endpoints: readonly Endpoint[]): readonly Endpoint[] =>
  [...endpoints].sort((a, b) => (a.host < b.host ? -1 : 1));

const ip = (number: number): string => `10.78.${Math.floor(number / 200)}.${1 + (number % 200)}`;

/** The hosts that calls go to. */
async function picked(discovery: ReturnType<Shop['open']>, service: string): Promise<string[]> {
  const hosts = new Set<string>();
  for (const _ of range(40)) {
    const lease = await discovery.acquire(service);
    hosts.add(lease.endpoint.host);
    lease.responded(200);
    lease.done({ kind: 'answered' });
  }
  return [...hosts].sort();
}
