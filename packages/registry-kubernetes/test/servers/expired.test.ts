import { expect } from 'chai';
import { addressesOf, Seen } from './support/seen.js';
import { Shop } from './support/shop.js';
import { slowClock } from './support/slow-clock.js';

describe('a watch whose version has expired (410)', () => {
  for (const watchCache of [true, false]) {
    describe(
      watchCache ? 'with a watch cache that was restarted' : 'without a watch cache, after a compaction',
      () => {
        let shop: Shop;
        before(async function () {
          shop = await Shop.start(this, { watchCache });
        });
        afterEach(() => shop?.closeClients());
        after(() => shop?.close());

        it('leads to one list of the latest, and from the old set straight to the new one', async () => {
          for (let attempt = 1; !(await expires(shop, `orders-${attempt}`, watchCache)); attempt++) {
            // That is the way of a server that has too little time to stop, and another story.
            if (attempt === 3)
              throw new Error('the API server cut its watches three times instead of ending them');
          }
        }).timeout(120_000);
      },
    );
  }
});

/** @returns whether the server ended its watch in order, as it does when it is stopped, and did not cut it */
async function expires(shop: Shop, name: string, watchCache: boolean): Promise<boolean> {
  await shop.manual(name);
  await shop.slice(name, name, []);
  // It waits for the new connection, however long this machine takes to start the API server.
  const discovery = shop.open({ clock: slowClock(20) });
  const seen = new Seen(discovery, name);
  await seen.ready();
  await shop.slice(name, name, ['10.77.1.1', '10.77.1.2']);
  await seen.size(2);

  // The server ends its watches in order, and the client goes on from where it was: not before it is let in.
  const traffic = shop.count();
  shop.proxy.hold();
  await shop.cluster.apiserver.stop();
  await shop.cluster.apiserver.start();
  for (const last of [3, 4, 5, 6]) await shop.slice(name, name, ['10.77.1.2', `10.77.1.${last}`]);
  await shop.cluster.compact();
  if (watchCache) {
    await shop.cluster.apiserver.kill();
    await shop.cluster.apiserver.start();
  }
  shop.proxy.release();
  await seen.ready('10.77.1.2:8080', '10.77.1.6:8080');
  if (seen.snapshots.some(({ status }) => status === 'stale')) {
    await shop.closeClients();
    return false;
  }

  expect(seen.snapshots.slice(1).map(addressesOf)).to.deep.equal([
    [],
    ['10.77.1.1:8080', '10.77.1.2:8080'],
    ['10.77.1.2:8080', '10.77.1.6:8080'],
  ]);
  const kinds = traffic.requests.map((path) =>
    path.includes('watch=1') ? 'watch' : path.includes('resourceVersion=') ? 'list' : 'list of the latest',
  );
  // One that meets the closing of the old connection is sent again.
  const told = kinds.filter((kind, index) => kind !== kinds[index - 1]);
  expect(told.slice(0, 2)).to.deep.equal(['watch', 'list of the latest']);
  expect(kinds).to.not.include('list');
  await shop.slice(name, name, ['10.77.1.7']);
  await seen.ready('10.77.1.7:8080');
  return true;
}
