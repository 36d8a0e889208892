import { until } from '@crowfly/servers';
import { expect } from 'chai';
import { addressesOf, Seen } from './support/seen.js';
import { Shop } from './support/shop.js';

/** What the adapter promises over TLS, and what a machine at work may add. */
const SILENCE_MS = 15_000;

describe('when the API server', () => {
  let shop: Shop;
  before(async function () {
    this.timeout(120_000);
    shop = await Shop.start(this);
  });
  beforeEach(async () => {
    await shop.proxy.accept();
    shop.proxy.thaw();
  });
  afterEach(async () => {
    await shop?.closeClients();
    if (shop?.cluster.apiserver.pid !== undefined) await shop.cluster.apiserver.thaw();
  });
  after(() => shop?.close());

  /** A service with this one instance, whose watch is open: a change has come through it. */
  async function watched(service: string, ip: string): Promise<Seen> {
    await shop.slice(service, `${service}-1`, []);
    const seen = shop.see(service);
    await seen.ready();
    await shop.slice(service, `${service}-1`, [ip]);
    await seen.ready(`${ip}:8080`);
    return seen;
  }

  it('is killed with -9 and started again while pods change, the set stays, and is then what is true', async () => {
    await shop.service('killed');
    for (const number of [1, 2, 3]) await shop.pod('killed', number, `10.77.1.${number}`);
    const discovery = shop.open();
    const recovered: unknown[] = [];
    discovery.on('recovered', (event) => recovered.push(event));
    const seen = new Seen(discovery, 'killed');
    await seen.size(3);
    // The client is kept away from the new server until everything has changed behind its back.
    await shop.proxy.refuse();
    await shop.cluster.apiserver.kill();
    const stale = await seen.status('stale');
    expect(addressesOf(stale)).to.deep.equal(['10.77.1.1:8080', '10.77.1.2:8080', '10.77.1.3:8080']);
    await shop.cluster.apiserver.start();
    await shop.cluster.controllerManager.ready();
    await shop.cluster.finishDeletion('shop', 'killed-1');
    await shop.pod('killed', 4, '10.77.1.4');
    await until('the slices', async () => {
      const [slice] = await shop.cluster.slices('shop', 'killed');
      const hosts = (slice?.endpoints ?? []).map(
        (endpoint: { addresses: string[] }) => endpoint.addresses[0],
      );
      return hosts.sort().join() === '10.77.1.2,10.77.1.3,10.77.1.4';
    });
    await shop.proxy.accept();
    await seen.ready('10.77.1.2:8080', '10.77.1.3:8080', '10.77.1.4:8080');
    await until('the end of the outage', () => recovered.length > 0);
    expect(recovered).to.have.length(1);
    expect(seen.snapshots.filter((snapshot) => addressesOf(snapshot).length < 3)).to.deep.equal([
      { status: 'pending' },
    ]);
  }).timeout(120_000);

  it('is killed under the client, and comes back', async () => {
    await shop.manual('under');
    await shop.slice('under', 'under-1', ['10.77.2.1']);
    const seen = shop.see('under');
    await seen.ready('10.77.2.1:8080');
    await shop.cluster.apiserver.kill();
    await seen.status('stale');
    await shop.cluster.apiserver.start();
    await shop.slice('under', 'under-1', ['10.77.2.1', '10.77.2.2']);
    await seen.ready('10.77.2.1:8080', '10.77.2.2:8080');
  }).timeout(120_000);

  it('is frozen, it is noticed within the bound, the set stays, and is then what is true', async () => {
    await shop.manual('frozen');
    const seen = await watched('frozen', '10.77.3.1');
    await shop.cluster.apiserver.freeze();
    const { cause } = await seen.status('stale');
    expect(String((cause as Error).message)).to.match(/silent for \d+ ms and did not answer a ping/);
    expect(seen.addresses).to.deep.equal(['10.77.3.1:8080']);
    await shop.cluster.apiserver.thaw();
    await shop.slice('frozen', 'frozen-1', ['10.77.3.1', '10.77.3.2']);
    await seen.ready('10.77.3.1:8080', '10.77.3.2:8080');
  }).timeout(120_000);

  it('is frozen for a moment only, nobody notices', async () => {
    await shop.manual('moment');
    const seen = await watched('moment', '10.77.4.1');
    const traffic = shop.count();
    await shop.cluster.apiserver.freeze();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await shop.cluster.apiserver.thaw();
    await shop.slice('moment', 'moment-1', ['10.77.4.2']);
    await seen.ready('10.77.4.2:8080');
    expect(seen.snapshots.map(({ status }) => status)).to.not.include('stale');
    expect(traffic.requests).to.deep.equal([]);
  }).timeout(60_000);

  it('is restored from an older backup, the set becomes what the restored cluster says, without a restart of the client', async () => {
    await shop.manual('restored');
    await shop.slice('restored', 'restored-1', ['10.77.5.1']);
    const backup = await shop.cluster.backup();
    for (let last = 2; last < 40; last++) await shop.slice('restored', 'restored-1', [`10.77.5.${last}`]);
    const seen = shop.see('restored');
    await seen.ready('10.77.5.39:8080');
    const traffic = shop.count();
    await shop.cluster.restore(backup);
    await seen.ready('10.77.5.1:8080');
    // The version that it knew lies in the future of this cluster: it was told so, and asked for the latest.
    const known = traffic.lists.filter((path) => path.includes('resourceVersionMatch=NotOlderThan'));
    expect(known.length, 'lists of nothing older').to.be.greaterThan(0);
    expect(traffic.lists.at(-1)).to.not.include('resourceVersion');
    await shop.slice('restored', 'restored-1', ['10.77.5.1', '10.77.5.2']);
    await seen.ready('10.77.5.1:8080', '10.77.5.2:8080');
  }).timeout(120_000);

  it('goes silent while it is connected to, it is noticed, and mended', async () => {
    await shop.manual('connect');
    await shop.slice('connect', 'connect-1', ['10.77.6.1']);
    shop.proxy.hold();
    const seen = shop.see('connect');
    const { cause } = await seen.status('failed');
    expect((cause as Error).message).to.match(/no connection to https:\/\/127\.0\.0\.1:\d+ within 5000 ms/);
    shop.proxy.release();
    await seen.ready('10.77.6.1:8080');
  }).timeout(60_000);

  it('goes silent before it answers the list, it is noticed, and mended', async () => {
    await shop.manual('list');
    await shop.slice('list', 'list-1', ['10.77.7.1']);
    // A connection stands, of a service that is in use already.
    const discovery = shop.open();
    const other = new Seen(discovery, 'connect');
    await other.ready('10.77.6.1:8080');
    shop.proxy.freeze();
    const seen = new Seen(discovery, 'list');
    const { cause } = await seen.status('failed');
    expect((cause as Error).message).to.match(/did not answer|no answer|silent|within \d+ ms/);
    expect(other.addresses).to.deep.equal(['10.77.6.1:8080']);
    shop.proxy.thaw();
    await seen.ready('10.77.7.1:8080');
    await other.ready('10.77.6.1:8080');
  }).timeout(60_000);

  it('goes silent in the middle of the list, it is noticed, and mended', async () => {
    await shop.manual('midlist');
    const addresses = Array.from(
      { length: 1000 },
      (_, index) => `10.79.${Math.floor(index / 250)}.${1 + (index % 250)}`,
    );
    await shop.slice('midlist', 'midlist-1', addresses);
    shop.proxy.drip(50);
    const traffic = shop.count();
    const seen = shop.see('midlist');
    await until('the list to be asked for', () => traffic.lists.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 500));
    shop.proxy.freeze();
    shop.proxy.drip(undefined);
    const { cause } = await seen.status('failed');
    expect((cause as Error).message).to.match(/silent/);
    shop.proxy.thaw();
    await seen.size(1000);
  }).timeout(60_000);

  it('goes silent in the middle of the watch, it is noticed within the bound, and mended', async () => {
    await shop.manual('watch');
    const seen = await watched('watch', '10.77.8.1');
    shop.proxy.freeze();
    await shop.slice('watch', 'watch-1', ['10.77.8.2']);
    const began = performance.now();
    await seen.status('stale');
    const noticedMs = Math.round(performance.now() - began);
    if (process.env.CROWFLY_MEASURE)
      console.log(`silence noticed after ${noticedMs} ms (promised: ${SILENCE_MS})`);
    shop.proxy.thaw();
    await seen.ready('10.77.8.2:8080');
  }).timeout(60_000);

  it('closes the connection every second, lists and watches stay few', async () => {
    await shop.manual('second');
    const seen = await watched('second', '10.77.9.1');
    const traffic = shop.count();
    const rounds = 8;
    for (let round = 0; round < rounds; round++) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      shop.proxy.reset();
    }
    const { lists, watches, connections } = traffic;
    if (process.env.CROWFLY_MEASURE)
      console.log(
        `${rounds} resets in ${rounds} s: ${lists.length} lists, ${watches.length} watches, ${connections} connections`,
      );
    for (const count of [lists.length, watches.length, connections])
      expect(count).to.be.within(1, rounds + 1);
    expect(seen.addresses).to.deep.equal(['10.77.9.1:8080']);
    await seen.ready('10.77.9.1:8080');
  }).timeout(60_000);
});
