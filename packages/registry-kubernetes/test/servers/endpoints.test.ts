import type { CrowflyError } from '@crowfly/core';
import { until } from '@crowfly/servers';
import { expect } from 'chai';
import type { Discovery } from 'crowfly';
import { Account } from './support/account.js';
import { Seen } from './support/seen.js';
import { Shop } from './support/shop.js';

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("api: 'endpoints', with the role that allows nothing but those", () => {
  let shop: Shop;
  let account: Account;
  before(async function () {
    shop = await Shop.start(this);
    account = await Account.create(shop.cluster, { name: 'legacy' });
    await account.grant('role-endpoints.yaml');
  });
  afterEach(() => shop?.closeClients());
  after(() => shop?.close());

  function open(api: 'endpoints' | 'endpointslices' = 'endpoints'): Discovery {
    return shop.openAs(account, { registry: { api } });
  }

  it('pods come, flip and go; those that are not ready, or end, are left out', async () => {
    await shop.service('legacy');
    const seen = new Seen(open(), 'legacy');
    await seen.ready();
    for (const number of [1, 2]) await shop.pod('legacy', number, `10.77.1.${number}`);
    await seen.ready('10.77.1.1:8080', '10.77.1.2:8080');
    await shop.cluster.ready('shop', 'legacy-1', false);
    await seen.ready('10.77.1.2:8080');
    await shop.cluster.ready('shop', 'legacy-1', true);
    await seen.size(2);
    await shop.cluster.deletePod('shop', 'legacy-1');
    await seen.ready('10.77.1.2:8080');
    await shop.cluster.finishDeletion('shop', 'legacy-1');
    await shop.cluster.finishDeletion('shop', 'legacy-2');
    await seen.ready();
  });

  it('several ports are told apart, and several services share a watch', async () => {
    await shop.cluster.service('shop', 'ports', {
      selector: { app: 'ports' },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'admin', port: 81, targetPort: 9090 },
      ],
    });
    await shop.pod('ports', 1, '10.77.2.1');
    await shop.service('other');
    await shop.pod('other', 1, '10.77.2.2');
    const traffic = shop.count();
    const discovery = open();
    const seen = ['ports', 'ports:81', 'other'].map((name) => new Seen(discovery, name));
    await seen[0]?.ready('10.77.2.1:8080');
    await seen[1]?.ready('10.77.2.1:9090');
    await seen[2]?.ready('10.77.2.2:8080');
    await until('one watch', () => traffic.watches.length > 0);
    expect({
      lists: traffic.lists.length,
      watches: traffic.watches.length,
      connections: traffic.connections,
    }).to.deep.equal({ lists: 1, watches: 1, connections: 1 });
  });

  it('a service that is deleted is unknown, and one that comes back is there again', async () => {
    await shop.service('back');
    await shop.pod('back', 1, '10.77.3.1');
    const seen = new Seen(open(), 'back');
    await seen.ready('10.77.3.1:8080');
    await shop.cluster.delete('Service', 'shop', 'back');
    await seen.status('unknown');
    await shop.service('back');
    await seen.ready('10.77.3.1:8080');
  });

  it('more than 1,000 addresses are cut by the cluster, and it is said', async () => {
    await shop.service('crowd');
    for (let from = 0; from < 1010; from += 101)
      await Promise.all(
        range(101).map((number) =>
          shop.pod(
            'crowd',
            from + number,
            `10.78.${Math.floor((from + number) / 250)}.${1 + ((from + number) % 250)}`,
          ),
        ),
      );
    const discovery = open();
    const problems: string[] = [];
    discovery.on('problem', ({ code, detail }) => problems.push(`${code}: ${detail}`));
    const seen = new Seen(discovery, 'crowd');
    await seen.size(1000);
    await until('the problem', () => problems.length > 0);
    expect(problems[0]).to.match(/^truncated: the Endpoints object 'crowd' was cut at 1,000 addresses/);
    // The slices have them all.
    await shop.see('crowd').size(1010);
  }).timeout(120_000);

  it('a client that asks for slices all the same is told which right is missing', async () => {
    const { cause } = await new Seen(open('endpointslices'), 'legacy').status('failed');
    expect((cause as CrowflyError).code).to.equal('denied');
    expect((cause as Error).message).to.include('resources: [endpointslices]');
  });
});
