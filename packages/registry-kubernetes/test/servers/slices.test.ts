import { until } from '@crowfly/servers';
import { expect } from 'chai';
import { addressesOf, endpointsOf, Seen } from './support/seen.js';
import { Shop } from './support/shop.js';
import { slowClock } from './support/slow-clock.js';

describe('slices, written by hand on the real API server', () => {
  let shop: Shop;
  before(async function () {
    shop = await Shop.start(this);
  });
  afterEach(() => shop?.closeClients());
  after(() => shop?.close());

  /** A change that has come through shows that everything before it has, too. */
  async function fence(seen: Seen, service: string): Promise<void> {
    await shop.slice(service, `${service}-fence`, ['10.99.9.9']);
    await seen.until('the fence', (last) => addressesOf(last).includes('10.99.9.9:8080'));
  }

  for (const order of ['added, then removed', 'removed, then added'] as const) {
    it(`an endpoint that moves to another one, ${order}, is never missing and never there twice`, async () => {
      const service = order.startsWith('added') ? 'added-first' : 'removed-first';
      const moving = '10.77.1.1';
      const others = [['10.77.1.2'], ['10.77.1.3']] as const;
      await shop.manual(service);
      const write = (slice: 0 | 1, withIt: boolean): Promise<void> =>
        shop.slice(service, `${service}-${slice}`, withIt ? [moving, ...others[slice]] : others[slice]);
      await write(0, true);
      await write(1, false);
      // Two writes in a row may take longer here than between a controller and its API server.
      const seen = new Seen(shop.open({ clock: slowClock(20) }), service);
      await seen.size(3);
      const rounds = 25;
      for (let round = 0; round < rounds; round++) {
        const [to, from] = round % 2 === 0 ? ([1, 0] as const) : ([0, 1] as const);
        if (order.startsWith('added')) {
          await write(to, true);
          await write(from, false);
        } else {
          await write(from, false);
          await write(to, true);
        }
      }
      await fence(seen, service);
      const sets = seen.snapshots.filter(({ status }) => status !== 'pending').map(addressesOf);
      const times = sets.map((set) => set.filter((address) => address === `${moving}:8080`).length);
      const gaps = times.filter((count) => count === 0).length;
      if (process.env.CROWFLY_MEASURE)
        console.log(`${rounds} moves, ${order}: ${sets.length} sets, ${gaps} without the endpoint`);
      expect(Math.max(...times), 'times in one set').to.equal(1);
      expect(gaps, 'sets without it').to.equal(0);
    });
  }

  it('one of several that is deleted takes its own endpoints away, and no others', async () => {
    await shop.manual('several');
    await shop.slice('several', 'several-1', ['10.77.2.1', '10.77.2.2', '10.77.2.3']);
    await shop.slice('several', 'several-2', ['10.77.2.4']);
    const seen = shop.see('several');
    await seen.size(4);
    await shop.cluster.deleteSlice('shop', 'several-2');
    await seen.ready('10.77.2.1:8080', '10.77.2.2:8080', '10.77.2.3:8080');
    await shop.slice('several', 'several-2', ['10.77.2.5']);
    await seen.size(4);
    expect(seen.snapshots.map((snapshot) => endpointsOf(snapshot).length)).to.deep.equal([0, 4, 3, 4]);
  });

  it('with null for endpoints and ports are a known, empty service', async () => {
    await shop.manual('nulls');
    await shop.cluster.slice('shop', 'nulls-1', { service: 'nulls', ports: null, endpoints: null });
    const seen = shop.see('nulls');
    await seen.ready();
    await shop.slice('nulls', 'nulls-1', ['10.77.3.1']);
    await seen.ready('10.77.3.1:8080');
  });

  it('without ports cost their own endpoints, with a problem that says so', async () => {
    await shop.manual('portless');
    await shop.slice('portless', 'portless-1', ['10.77.4.1']);
    await shop.cluster.slice('shop', 'portless-2', {
      service: 'portless',
      ports: null,
      endpoints: ['10.77.4.2'],
    });
    const discovery = shop.open();
    const problems: string[] = [];
    discovery.on('problem', ({ detail }) => problems.push(detail));
    await new Seen(discovery, 'portless').ready('10.77.4.1:8080');
    expect(problems).to.deep.equal(["the slice 'portless-2' lists no ports: its 1 endpoints are skipped"]);
  });

  it('of the type FQDN are skipped, with a problem', async () => {
    await shop.manual('fqdn');
    await shop.slice('fqdn', 'fqdn-1', ['10.77.5.1']);
    await shop.cluster.slice('shop', 'fqdn-2', {
      service: 'fqdn',
      addressType: 'FQDN',
      ports: [{ name: '', port: 8080 }],
      endpoints: ['orders.example.com'],
    });
    const discovery = shop.open();
    const problems: string[] = [];
    discovery.on('problem', ({ code }) => problems.push(code));
    await new Seen(discovery, 'fqdn').ready('10.77.5.1:8080');
    expect(problems).to.deep.equal(['bad-address-type']);
  });

  it('may be handed to another service: both follow', async () => {
    await shop.manual('giver');
    await shop.manual('taker');
    await shop.slice('giver', 'handed', ['10.77.6.1']);
    await shop.slice('giver', 'giver-1', ['10.77.6.2']);
    await shop.slice('taker', 'taker-1', ['10.77.6.3']);
    const discovery = shop.open();
    const [giver, taker] = [new Seen(discovery, 'giver'), new Seen(discovery, 'taker')];
    await giver.size(2);
    await taker.size(1);
    await shop.slice('taker', 'handed', ['10.77.6.1']);
    await giver.ready('10.77.6.2:8080');
    await taker.ready('10.77.6.1:8080', '10.77.6.3:8080');
  });

  // Where TLS and HTTP/2 cut what is sent, every 16 KiB, no proxy can say: most bytes here are inside of a character.
  it('full of characters of several bytes are read whole, wherever a chunk ends', async () => {
    await shop.manual('wide');
    const wide = Array.from({ length: 500 }, (_, index) => ({
      addresses: [`10.78.${Math.floor(index / 250)}.${1 + (index % 250)}`],
      conditions: { ready: true },
      zone: '日本語🚲'.repeat(12),
    }));
    const ports = [{ name: '', port: 8080 }];
    const write = (count: number): Promise<unknown> =>
      shop.cluster.slice('shop', 'wide-1', { service: 'wide', ports, endpoints: wide.slice(0, count) });
    await write(499);
    const seen = shop.see('wide');
    await seen.size(499);
    await write(500);
    await seen.size(500);
    expect(new Set(seen.endpoints.map(({ zone }) => zone))).to.deep.equal(new Set([wide[0]!.zone]));
  });

  it('of both families and one port each are told apart', async () => {
    await shop.manual('families');
    const ports = [{ name: '', port: 8080 }];
    const v6 = (endpoints: readonly string[]): Promise<unknown> =>
      shop.cluster.slice('shop', 'families-6', {
        service: 'families',
        addressType: 'IPv6',
        ports,
        endpoints,
      });
    await shop.slice('families', 'families-4', ['10.77.7.1']);
    await v6(['fd77::7:1', 'fd77::7:2']);
    const four = shop.see('families');
    const six = shop.see('families', { ipFamily: 'IPv6' });
    await four.ready('10.77.7.1:8080');
    await six.ready('fd77::7:1:8080', 'fd77::7:2:8080');
    await v6([]);
    await six.ready('10.77.7.1:8080');
  });

  it('are a hundred with 10,000 endpoints: one first set, and a change of one slice is one set', async () => {
    await shop.manual('huge');
    const hosts = (slice: number): string[] =>
      Array.from(
        { length: 100 },
        (_, index) => `10.${100 + Math.floor(slice / 50)}.${slice % 50}.${1 + index}`,
      );
    const slices = Array.from({ length: 100 }, (_, index) => index);
    for (let at = 0; at < 100; at += 20)
      await Promise.all(
        slices.slice(at, at + 20).map((slice) => shop.slice('huge', `huge-${slice}`, hosts(slice))),
      );
    const traffic = shop.count();
    let began = performance.now();
    const seen = shop.see('huge');
    await seen.size(10_000);
    const firstMs = Math.round(performance.now() - began);
    expect(seen.snapshots.map(({ status }) => status)).to.deep.equal(['pending', 'ready']);
    expect(traffic.lists).to.have.length(1);
    const before = seen.endpoints;
    began = performance.now();
    await shop.slice('huge', 'huge-7', [...hosts(7).slice(1), '10.120.0.1']);
    await seen.until('the change', (last) => addressesOf(last).includes('10.120.0.1:8080'));
    const changeMs = Math.round(performance.now() - began);
    if (process.env.CROWFLY_MEASURE)
      console.log(
        `10,000 endpoints in 100 slices: first set after ${firstMs} ms, a changed slice after ${changeMs} ms`,
      );
    expect(seen.endpoints).to.have.length(10_000);
    expect(seen.snapshots).to.have.length(3);
    const known = new Set(before);
    expect(seen.endpoints.filter((endpoint) => !known.has(endpoint)).length, 'new objects').to.equal(1);
  }).timeout(60_000);

  it('come in a burst: the last word is the truth', async () => {
    await shop.manual('burst');
    const seen = shop.see('burst');
    await seen.ready();
    for (let round = 1; round <= 60; round++)
      await shop.slice('burst', `burst-${round % 3}`, [`10.77.8.${round}`]);
    await seen.ready('10.77.8.58:8080', '10.77.8.59:8080', '10.77.8.60:8080');
    await until('as the server says', async () => (await shop.cluster.slices('shop', 'burst')).length === 3);
  });
});
