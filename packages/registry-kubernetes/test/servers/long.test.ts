import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CrowflyError } from '@crowfly/core';
import { until } from '@crowfly/servers';
import { expect } from 'chai';
import type { Discovery } from 'crowfly';
import { Account } from './support/account.js';
import { addressesOf, Seen } from './support/seen.js';
import { Shop } from './support/shop.js';

const MINUTE_MS = 60_000;
/** Every watch asks for the shortest time that the adapter asks for: 300 s. */
const soonest = (): number => 0;

// Run by .ci/long.
if (process.env.CROWFLY_LONG === '1') {
  describe('for minutes', () => {
    describe('with a watch cache', () => {
      let shop: Shop;
      before(async function () {
        shop = await Shop.start(this);
        await shop.manual('orders');
        await shop.slice('orders', 'orders-1', ['10.77.1.1']);
      });
      afterEach(() => shop?.closeClients());
      after(() => shop?.close());

      it('a frozen API server is survived: the set stays, requests are few, and then the truth is there', async () => {
        const seen = shop.see('orders');
        await seen.ready('10.77.1.1:8080');
        const traffic = shop.count();
        await shop.cluster.apiserver.freeze();
        await pass(MINUTE_MS);
        expect(seen.last.status).to.equal('stale');
        expect(seen.addresses).to.deep.equal(['10.77.1.1:8080']);
        await shop.cluster.apiserver.thaw();
        await shop.slice('orders', 'orders-1', ['10.77.1.2']);
        await seen.ready('10.77.1.2:8080');
        if (process.env.CROWFLY_MEASURE)
          console.log(
            `frozen for a minute: ${traffic.requests.length} requests, ${traffic.connections} connections`,
          );
        expect(traffic.requests.length).to.be.lessThan(13);
      }).timeout(3 * MINUTE_MS);

      it('a watch is renewed without a list and without a word; a token that expires is replaced in time, and one that is not is a denial', async () => {
        await shop.slice('orders', 'orders-1', ['10.77.1.1']);
        const kept = await short('kept');
        const lost = await short('lost');
        const [well, ill] = [new Seen(openAs(kept), 'orders'), new Seen(openAs(lost), 'orders')];
        for (const seen of [well, ill]) await seen.ready('10.77.1.1:8080');
        // A change that has come through shows that the watches are open.
        await shop.slice('orders', 'orders-1', ['10.77.1.2']);
        for (const seen of [well, ill]) await seen.ready('10.77.1.2:8080');
        const traffic = shop.count();
        const words = well.snapshots.length;
        await until('the renewals', () => traffic.watches.length >= 2, {
          withinMs: 6 * MINUTE_MS,
          everyMs: 1_000,
        });
        expect(traffic.lists).to.deep.equal([]);
        expect(traffic.connections).to.equal(0);
        expect(well.snapshots).to.have.length(words);
        await kept.pod.rotate(await shop.cluster.token('shop', 'kept', { seconds: 600 }));
        const began = performance.now();
        // Accepted for longer than its 600 s, as clocks may differ: seen at the third renewal, not at the second.
        const denied = await until(
          'the denial',
          () => ill.last.status === 'stale' && (ill.last.cause as CrowflyError),
          { withinMs: 12 * MINUTE_MS, everyMs: 1_000 },
        );
        if (process.env.CROWFLY_MEASURE)
          console.log(
            `an expired token was denied ${Math.round((performance.now() - began) / 1000)} s after the renewal`,
          );
        expect(denied.code).to.equal('denied');
        expect(denied.message).to.include('(401,').and.to.include('it has expired');
        expect(ill.addresses).to.deep.equal(['10.77.1.2:8080']);
        await shop.slice('orders', 'orders-1', ['10.77.1.3']);
        await well.ready('10.77.1.3:8080');
        expect(well.snapshots.map(({ status }) => status)).to.not.include('stale');
        await lost.pod.rotate(await shop.cluster.token('shop', 'lost'));
        await until('the set of the other one', () => addressesOf(ill.last).join() === '10.77.1.3:8080', {
          withinMs: 2 * MINUTE_MS,
        });
      }).timeout(25 * MINUTE_MS);

      /** An account whose token lasts for the ten minutes that the API allows at least. */
      async function short(name: string): Promise<Account> {
        const account = await Account.create(shop.cluster, { name, token: { seconds: 600 } });
        await account.bind();
        const [, payload = ''] = (await readFile(join(account.pod.path, 'token'), 'utf8')).split('.');
        const { exp, iat } = JSON.parse(Buffer.from(payload, 'base64url').toString());
        expect(exp - iat).to.equal(600);
        return account;
      }

      function openAs(account: Account): Discovery {
        return shop.openAs(account, { random: soonest });
      }
    });

    describe('without a watch cache', () => {
      let shop: Shop;
      before(async function () {
        shop = await Shop.start(this, { watchCache: false });
      });
      after(() => shop?.close());

      it('no bookmark comes: after 150 s of it a list tells that all is well, also when the version of the watch was compacted away', async () => {
        await shop.manual('quiet');
        await shop.slice('quiet', 'quiet-1', ['10.77.2.1']);
        const seen = new Seen(shop.open({ random: soonest }), 'quiet');
        await seen.ready('10.77.2.1:8080');
        await shop.slice('quiet', 'quiet-1', ['10.77.2.1', '10.77.2.2']);
        await seen.size(2);
        const traffic = shop.count();
        await shop.manual('loud');
        for (let last = 1; last < 50; last++) await shop.slice('loud', 'loud-1', [`10.77.3.${last}`]);
        await shop.cluster.compact();
        const words = seen.snapshots.length;
        await until('the renewal', () => traffic.watches.length >= 1, {
          withinMs: 6 * MINUTE_MS,
          everyMs: 1_000,
        });
        await shop.slice('quiet', 'quiet-1', ['10.77.2.3']);
        await seen.ready('10.77.2.3:8080');
        expect([traffic.lists.length, traffic.watches.length]).to.deep.equal([1, 1]);
        expect(seen.snapshots).to.have.length(words + 1);
        expect(seen.snapshots.map(({ status }) => status)).to.not.include('stale');
      }).timeout(8 * MINUTE_MS);
    });
  });
}

const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
