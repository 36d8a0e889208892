import { type Kubernetes, requireKubernetes, until } from '@crowfly/servers';
import { expect } from 'chai';
import { openWatch } from './support/watch.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

describe('the history of a cluster', () => {
  for (const watchCache of [true, false]) {
    describe(watchCache ? 'with the watch cache' : 'without the watch cache', () => {
      let cluster: Kubernetes;
      before(async function () {
        cluster = await requireKubernetes(this, { watchCache });
        await cluster.namespace('shop');
        await cluster.service('shop', 'manual');
      });
      after(() => cluster?.close());

      it(`is compacted: an older resourceVersion is Expired${watchCache ? ', once the API server was restarted' : ''}`, async () => {
        const old = await cluster.slice('shop', 'manual-1', { service: 'manual', endpoints: ['10.77.0.1'] });
        for (const last of [2, 3, 4])
          await cluster.slice('shop', 'manual-1', { service: 'manual', endpoints: [`10.77.0.${last}`] });
        await cluster.compact();
        if (watchCache) {
          await cluster.apiserver.kill();
          await cluster.apiserver.start();
        }
        const watch = await openWatch(cluster, SLICES, old.metadata.resourceVersion);
        const event = await until('the answer', () => watch.events[0]);
        watch.close();
        expect(event.type).to.equal('ERROR');
        expect(event.object).to.include({ kind: 'Status', code: 410, reason: 'Expired' });
      }).timeout(120_000);
    });
  }
});

describe('a cluster that is restored from a backup', () => {
  let cluster: Kubernetes;
  before(async function () {
    cluster = await requireKubernetes(this);
    await cluster.namespace('shop');
    await cluster.service('shop', 'manual');
  });
  after(() => cluster?.close());

  const listVersion = async (): Promise<number> =>
    Number((await cluster.ok('GET', SLICES)).metadata.resourceVersion);

  it('has the older data, and its resourceVersions have gone back', async () => {
    await cluster.slice('shop', 'manual-1', { service: 'manual', endpoints: ['10.77.0.1'] });
    const backup = await cluster.backup();
    const atBackup = await listVersion();
    for (let round = 0; round < 30; round++)
      await cluster.slice('shop', 'manual-2', { service: 'manual', endpoints: [`10.77.1.${round + 1}`] });
    const before = await listVersion();
    expect(before).to.be.greaterThan(atBackup);

    await cluster.restore(backup);
    expect((await cluster.slices('shop', 'manual')).map(({ metadata }) => metadata.name)).to.deep.equal([
      'manual-1',
    ]);
    expect(await listVersion()).to.be.lessThan(before);
  }).timeout(120_000);

  it('works on, controllers included', async () => {
    await cluster.service('shop', 'orders', { selector: { app: 'orders' }, ports: [{ port: 80 }] });
    await cluster.pod('shop', 'orders-1', { labels: { app: 'orders' }, ip: '10.77.0.9' });
    await until(
      'the endpoint',
      async () => (await cluster.slices('shop', 'orders'))[0]?.endpoints?.length === 1,
    );
  });
});
