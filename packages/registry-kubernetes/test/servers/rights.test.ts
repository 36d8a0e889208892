import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import type { CrowflyError } from '@crowfly/core';
import { kubernetes } from '@crowfly/registry-kubernetes';
import { until } from '@crowfly/servers';
import { expect } from 'chai';
import { Account, accepts } from './support/account.js';
import { Seen } from './support/seen.js';
import { Shop } from './support/shop.js';

describe('rights and credentials', () => {
  let shop: Shop;
  before(async function () {
    shop = await Shop.start(this);
    await shop.manual('orders');
    await shop.slice('orders', 'orders-1', ['10.77.1.1']);
  });
  afterEach(() => shop?.closeClients());
  after(() => shop?.close());

  it('the shipped role holds what is used, and nothing else', async () => {
    const { rules } = await shop.cluster.get('Role', 'shop', 'crowfly');
    expect(rules).to.deep.equal([
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
    ]);
  });

  it('a token that was rotated, and whose old one is revoked, is picked up at the next connect, without a word', async () => {
    const account = await Account.create(shop.cluster, {
      name: 'rotated',
      token: { boundToSecret: 'first' },
    });
    await account.bind();
    const seen = new Seen(shop.openAs(account), 'orders');
    await seen.ready('10.77.1.1:8080');
    const old = await readFile(join(account.pod.path, 'token'), 'utf8');
    await account.pod.rotate(await shop.cluster.token('shop', 'rotated', { boundToSecret: 'second' }));
    await shop.cluster.revoke('shop', 'first');
    await until('the old token to be refused', async () => !(await accepts(shop.cluster, old)));
    shop.proxy.reset();
    await shop.slice('orders', 'orders-1', ['10.77.1.1', '10.77.1.2']);
    await seen.ready('10.77.1.1:8080', '10.77.1.2:8080');
    await shop.slice('orders', 'orders-1', ['10.77.1.1']);
    await seen.ready('10.77.1.1:8080');
    const denials = seen.snapshots.filter(
      (snapshot) => 'cause' in snapshot && /40[13]/.test(String(snapshot.cause)),
    );
    expect(denials).to.have.length(0);
  }).timeout(60_000);

  it('a token that is revoked with no other in its place is a denial that says so; the set stays, and a new one mends it', async () => {
    const account = await Account.create(shop.cluster, {
      name: 'revoked',
      token: { boundToSecret: 'leash' },
    });
    await account.bind();
    const discovery = shop.openAs(account);
    const seen = new Seen(discovery, 'orders');
    await seen.ready('10.77.1.1:8080');
    const token = await readFile(join(account.pod.path, 'token'), 'utf8');
    await shop.cluster.revoke('shop', 'leash');
    await until('the token to be refused', async () => !(await accepts(shop.cluster, token)));
    shop.proxy.reset();
    const { cause } = await seen.until<Extract<Seen['last'], { status: 'stale' }>>(
      'denied',
      (last) => last.status === 'stale' && (last.cause as CrowflyError).code === 'denied',
    );
    const { message } = cause as CrowflyError;
    expect(message).to.match(
      /^https:\/\/127\.0\.0\.1:\d+ does not accept the token in \S+\/token \(401, when asked to list endpointslices in namespace 'shop'\): it has expired, was revoked, or is of another cluster$/,
    );
    expect(seen.addresses).to.deep.equal(['10.77.1.1:8080']);
    const text = String(await discovery.explain('orders'));
    expect(text).to.include('does not accept the token').and.to.include('its last good set stays in use');
    expect(text).to.not.include(token);
    await account.pod.rotate(await shop.cluster.token('shop', 'revoked', { boundToSecret: 'leash' }));
    await seen.ready('10.77.1.1:8080');
  }).timeout(60_000);

  it('rights that are taken away are a denial that names verb, resource, namespace and the rule that grants them; the set stays; given back, they are used', async () => {
    const account = await Account.create(shop.cluster, { name: 'bound' });
    await account.bind();
    const discovery = shop.openAs(account);
    const seen = new Seen(discovery, 'orders');
    await seen.ready('10.77.1.1:8080');
    // A change that has come through shows that the watch is open: else it is the watch that is refused.
    await shop.slice('orders', 'orders-1', ['10.77.1.1', '10.77.1.2']);
    await seen.ready('10.77.1.1:8080', '10.77.1.2:8080');
    await shop.slice('orders', 'orders-1', ['10.77.1.1']);
    await seen.ready('10.77.1.1:8080');
    await account.unbind();
    shop.proxy.reset();
    const { cause } = await seen.until<Extract<Seen['last'], { status: 'stale' }>>(
      'denied',
      (last) => last.status === 'stale' && (last.cause as CrowflyError).code === 'denied',
    );
    expect((cause as CrowflyError).message)
      .to.include(
        "does not let us list endpointslices in namespace 'shop' (403, system:serviceaccount:shop:bound)",
      )
      .and.to.include(
        "it takes a Role in 'shop' (or a ClusterRole) with { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch] }, bound to this account",
      );
    expect(seen.addresses).to.deep.equal(['10.77.1.1:8080']);
    const lease = await discovery.acquire('orders');
    expect(lease.endpoint.host).to.equal('10.77.1.1');
    lease.done({ kind: 'canceled' });
    await account.bind();
    await shop.slice('orders', 'orders-1', ['10.77.1.1', '10.77.1.3']);
    await seen.ready('10.77.1.1:8080', '10.77.1.3:8080');
    await shop.slice('orders', 'orders-1', ['10.77.1.1']);
    await seen.ready('10.77.1.1:8080');
  }).timeout(60_000);

  it('rights that were never there fail the first call at once, with the same text', async () => {
    const account = await Account.create(shop.cluster, { name: 'nobody' });
    const discovery = shop.openAs(account);
    const error: CrowflyError = await discovery.acquire('orders').then(
      () => expect.fail('there was an instance'),
      (reason) => reason,
    );
    expect(error.message).to.include(
      "list endpointslices in namespace 'shop' (403, system:serviceaccount:shop:nobody)",
    );
    await account.bind();
    await new Seen(discovery, 'orders').ready('10.77.1.1:8080');
  }).timeout(60_000);

  it('a namespace without rights beside one with them leaves the other one alone', async () => {
    await shop.cluster.namespace('vault');
    await shop.cluster.service('vault', 'secrets');
    const discovery = shop.open();
    const orders = new Seen(discovery, 'orders');
    await orders.ready('10.77.1.1:8080');
    const vault = new Seen(discovery, 'secrets.vault');
    const { cause } = await vault.status('failed');
    expect((cause as Error).message).to.include("list endpointslices in namespace 'vault' (403");
    await shop.slice('orders', 'orders-1', ['10.77.1.1', '10.77.1.4']);
    await orders.ready('10.77.1.1:8080', '10.77.1.4:8080');
    await shop.slice('orders', 'orders-1', ['10.77.1.1']);
    await orders.ready('10.77.1.1:8080');
    expect(orders.snapshots.map(({ status }) => status)).to.not.include('stale');
  });

  it('several namespaces are read with the cluster role, bound in each of them', async () => {
    const account = await Account.create(shop.cluster, { name: 'wide' });
    for (const namespace of ['shop', 'billing', 'stock']) {
      await shop.cluster.namespace(namespace);
      await account.grant('cluster-role.yaml', namespace);
    }
    for (const [namespace, service, ip] of [
      ['billing', 'invoices', '10.77.2.1'],
      ['stock', 'shelves', '10.77.2.2'],
    ] as const) {
      await shop.cluster.service(namespace, service);
      await shop.cluster.slice(namespace, `${service}-1`, {
        service,
        ports: [{ name: '', port: 8080 }],
        endpoints: [ip],
      });
    }
    const traffic = shop.count();
    const discovery = shop.openAs(account);
    await new Seen(discovery, 'orders').ready('10.77.1.1:8080');
    await new Seen(discovery, 'invoices.billing').ready('10.77.2.1:8080');
    await new Seen(discovery, 'shelves.stock.svc.cluster.local').ready('10.77.2.2:8080');
    await until('a watch in each', () => traffic.watches.length === 3);
    expect({ lists: traffic.lists.length, connections: traffic.connections }).to.deep.equal({
      lists: 3,
      connections: 1,
    });
  });

  it('a token that is none of this cluster, and a file that holds none, are told apart, and mended in place', async () => {
    const account = await Account.create(shop.cluster, { name: 'garbled' });
    await account.bind();
    await account.pod.rotate('not.a.token');
    const seen = new Seen(shop.openAs(account), 'orders');
    const garbage = await seen.status('failed');
    expect((garbage.cause as CrowflyError).code).to.equal('denied');
    expect((garbage.cause as Error).message)
      .to.include('(401,')
      .and.not.include('not.a.token');
    await account.pod.rotate('two lines\nof text');
    const lines = await seen.until<typeof garbage>('another reason', (last) =>
      /holds no bearer token/.test(String((last as typeof garbage).cause)),
    );
    expect((lines.cause as CrowflyError).code).to.equal('bad-option');
    await account.pod.rotate(await shop.cluster.token('shop', 'garbled'));
    await seen.ready('10.77.1.1:8080');
  }).timeout(60_000);

  it("another cluster's authority, and an address where nobody is, are said by explain", async () => {
    const other = join(shop.cluster.directory, 'other-ca.crt');
    // Any certificate that has not signed the API server's.
    await writeFile(other, rootCertificates[0] ?? '');
    const tokenFile = join(shop.account.pod.path, 'token');
    const explained = async (server: string, caFile: string): Promise<string> => {
      const registry = kubernetes({ server, caFile, tokenFile, namespace: 'shop' });
      const discovery = shop.openWith(registry, { limits: { firstSetMs: 100 } });
      await new Seen(discovery, 'orders').status('failed');
      return String(await discovery.explain('orders'));
    };
    expect(await explained(shop.cluster.origin, other)).to.match(/certificate|authority|signed/i);
    await shop.proxy.refuse();
    expect(await explained(`https://127.0.0.1:${shop.proxy.port}`, shop.cluster.caFile)).to.match(/refuse/i);
    await shop.proxy.accept();
    const registry = kubernetes({
      server: shop.cluster.origin,
      caFile: shop.cluster.caFile,
      tokenFile,
      namespace: 'shop',
    });
    await new Seen(shop.openWith(registry), 'orders').ready('10.77.1.1:8080');
  }).timeout(60_000);

  it('services and namespaces that do not exist are unknown, as far as the rights show it', async () => {
    const wide = await Account.create(shop.cluster, { name: 'reader' });
    for (const namespace of ['shop', 'nowhere']) {
      await shop.cluster.namespace(namespace);
      await wide.grant('cluster-role.yaml', namespace);
    }
    const narrow = shop.open();
    const missing = await new Seen(narrow, 'nothing').status('unknown');
    expect(missing.reason).to.include("there is no Service 'nothing' in namespace 'shop'");
    expect(String(await narrow.explain('nothing'))).to.include("there is no Service 'nothing'");
    // No role can be bound in a namespace that is not there.
    const absent = await new Seen(shop.openAs(wide), 'orders.absent').status('failed');
    expect((absent.cause as CrowflyError).code).to.equal('denied');
    expect((absent.cause as Error).message).to.include("in namespace 'absent'");
  });

  it('a cluster-wide binding tells a namespace that does not exist from a service that does not', async () => {
    const account = await Account.create(shop.cluster, { name: 'everywhere' });
    await account.grant('cluster-role.yaml');
    await shop.cluster.put({
      kind: 'ClusterRoleBinding',
      metadata: { name: 'crowfly-everywhere' },
      ...{
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'crowfly' },
        subjects: [{ kind: 'ServiceAccount', name: 'everywhere', namespace: 'shop' }],
      },
    });
    const discovery = shop.openAs(account);
    const seen = new Seen(discovery, 'orders.absent');
    const { reason } = await seen.status('unknown');
    expect(reason).to.include(
      "there is no Service 'orders' in namespace 'absent': there is no namespace 'absent'",
    );
  });
});
