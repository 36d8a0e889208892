import { readFile } from 'node:fs/promises';
import { type ApiObject, type Kubernetes, requireKubernetes, TcpProxy, until } from '@crowfly/servers';
import { expect } from 'chai';
import { openWatch } from './support/watch.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

describe('a Kubernetes cluster', () => {
  let cluster: Kubernetes;
  before(async function () {
    cluster = await requireKubernetes(this);
    await cluster.namespace('shop');
    await cluster.node('node-a', { zone: 'zone-a' });
  });
  after(() => cluster?.close());

  const endpoints = async (service: string): Promise<any[]> =>
    (await cluster.slices('shop', service)).flatMap((slice) => slice.endpoints ?? []);
  const endpointThat = (service: string, what: string, holds: (endpoint: any) => boolean): Promise<any> =>
    until(what, async () => (await endpoints(service)).find(holds));

  it('is Kubernetes 1.36.3, and listens on loopback only', async () => {
    expect(await cluster.ok('GET', '/version')).to.include({ gitVersion: 'v1.36.3' });
    expect(new URL(cluster.origin).hostname).to.equal('127.0.0.1');
  });

  it('has a kubeconfig of an administrator that needs no other file', async () => {
    const config = JSON.parse(await readFile(cluster.kubeconfig, 'utf8'));
    const { server, 'certificate-authority-data': ca } = config.clusters[0].cluster;
    expect(server).to.equal(cluster.origin);
    expect(Buffer.from(ca, 'base64').toString()).to.equal(await readFile(cluster.caFile, 'utf8'));
    expect(config.users[0].user.token).to.equal(cluster.adminToken);
  });

  it('answers nobody without a token', async () => {
    const watch = await openWatch(cluster, SLICES, '', { token: 'nobody' });
    await until('the answer', () => watch.status);
    expect(watch.status).to.equal(401);
  });

  it('says which request failed and why', async () => {
    const error = await cluster.get('Pod', 'shop', 'nope').catch((reason) => reason);
    expect(error).to.include({ name: 'ServersError', code: 'bad-answer', status: 404 });
    expect(error.message).to.match(/GET .*pods\/nope: 404 pods "nope" not found/);
  });

  it('makes the slices of a service from its pods, with node and zone', async () => {
    await cluster.service('shop', 'orders', {
      selector: { app: 'orders' },
      ports: [{ name: 'http', port: 80, targetPort: 'web' }],
    });
    await cluster.pod('shop', 'orders-1', {
      labels: { app: 'orders' },
      node: 'node-a',
      ip: '10.77.0.1',
      ports: [{ name: 'web', port: 8080 }],
    });
    const endpoint = await endpointThat('orders', 'the endpoint', () => true);
    expect(endpoint).to.deep.include({ addresses: ['10.77.0.1'], nodeName: 'node-a', zone: 'zone-a' });
    const [slice] = await cluster.slices('shop', 'orders');
    expect(slice!.ports).to.deep.equal([{ name: 'http', port: 8080, protocol: 'TCP' }]);
    const legacy = await until('Endpoints', () => cluster.get('Endpoints', 'shop', 'orders'));
    expect(legacy.subsets[0].addresses[0].ip).to.equal('10.77.0.1');
  });

  it('passes a readiness flip on through the real controller', async () => {
    await cluster.ready('shop', 'orders-1', false);
    await endpointThat('orders', 'not ready', (endpoint) => endpoint.conditions.ready === false);
    await cluster.ready('shop', 'orders-1', true);
    await endpointThat('orders', 'ready', (endpoint) => endpoint.conditions.ready === true);
  });

  it('shows a pod that is deleted gracefully as terminating, until its end', async () => {
    await cluster.deletePod('shop', 'orders-1', { graceSeconds: 30 });
    const endpoint = await endpointThat('orders', 'terminating', ({ conditions }) => conditions.terminating);
    expect(endpoint.conditions).to.deep.equal({ ready: false, serving: true, terminating: true });
    await cluster.finishDeletion('shop', 'orders-1');
    await until('no endpoint', async () => (await endpoints('orders')).length === 0);
  });

  it('changes a service that is there', async () => {
    const changed = await cluster.service('shop', 'orders', {
      selector: { app: 'orders' },
      ports: [{ name: 'https', port: 443, targetPort: 8443, appProtocol: 'https' }],
    });
    expect(changed.spec.ports[0]).to.include({
      name: 'https',
      port: 443,
      targetPort: 8443,
      appProtocol: 'https',
    });
  });

  it('removes the slices with their service', async () => {
    await cluster.delete('Service', 'shop', 'orders');
    await until('no slice', async () => (await cluster.slices('shop', 'orders')).length === 0);
  });

  it('makes slices of both families for a dual-stack service', async () => {
    await cluster.service('shop', 'dual', {
      selector: { app: 'dual' },
      ports: [{ port: 80 }],
      ipFamilies: ['IPv4', 'IPv6'],
      headless: true,
      publishNotReadyAddresses: true,
    });
    await cluster.pod('shop', 'dual-1', {
      labels: { app: 'dual' },
      ip: ['10.77.0.2', 'fd77::2'],
      ready: false,
    });
    const slices = await until('two slices with endpoints', async () => {
      const made = await cluster.slices('shop', 'dual');
      return made.length === 2 && made.every((slice) => slice.endpoints?.length === 1) && made;
    });
    expect(slices.map((slice) => slice.addressType)).to.have.members(['IPv4', 'IPv6']);
    expect(slices.every((slice) => slice.endpoints[0].conditions.ready)).to.equal(true);
  });

  it('gets no slices for an ExternalName', async () => {
    const made = await cluster.service('shop', 'outside', { externalName: 'example.com' });
    expect(made.spec).to.include({ type: 'ExternalName', externalName: 'example.com' });
  });

  it('takes slices written by hand, changes them, keeps nulls, and deletes them', async () => {
    await cluster.service('shop', 'manual');
    await cluster.slice('shop', 'manual-1', {
      service: 'manual',
      ports: [{ name: 'http', port: 8080 }],
      endpoints: [
        '10.77.0.3',
        { addresses: ['10.77.0.4'], conditions: { serving: true, terminating: true } },
      ],
    });
    expect((await endpoints('manual')).map(({ addresses }) => addresses[0])).to.deep.equal([
      '10.77.0.3',
      '10.77.0.4',
    ]);
    await cluster.slice('shop', 'manual-1', { service: 'manual', ports: null, endpoints: null });
    const [slice] = await cluster.slices('shop', 'manual');
    expect(slice).to.include({ ports: null, endpoints: null });
    await cluster.deleteSlice('shop', 'manual-1');
    expect(await cluster.slices('shop', 'manual')).to.have.length(0);
  });

  it('mirrors Endpoints written by hand into slices', async () => {
    await cluster.service('shop', 'mirrored', { ports: [{ port: 80 }] });
    await cluster.put({
      kind: 'Endpoints',
      metadata: { name: 'mirrored', namespace: 'shop' },
      subsets: [{ addresses: [{ ip: '10.77.0.5' }], ports: [{ port: 8080 }] }],
    } as unknown as ApiObject);
    const endpoint = await endpointThat('mirrored', 'the mirrored endpoint', () => true);
    expect(endpoint.addresses).to.deep.equal(['10.77.0.5']);
  });

  it('applies a manifest of several documents, twice, and creates their namespaces', async () => {
    const manifest = `
# a comment alone
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader, namespace: applied }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: applied }
rules:
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: applied }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: reader, namespace: applied }]
---
apiVersion: v1
kind: Service
metadata: { name: here }
spec: { ports: [{ port: 80 }] }
`;
    await cluster.apply(manifest, 'applied');
    await cluster.apply(manifest, 'applied');
    expect((await cluster.get('Role', 'applied', 'reader')).rules[0].verbs).to.have.length(3);
    expect((await cluster.get('Service', 'applied', 'here')).metadata.namespace).to.equal('applied');
  });

  it('is reached through a proxy with its certificate verified; a watch goes silent when that freezes', async () => {
    const proxy = await TcpProxy.to({ port: Number(new URL(cluster.origin).port) });
    const watch = await openWatch(cluster, SLICES, '', { origin: `https://127.0.0.1:${proxy.port}` });
    await until('the head', () => watch.status);
    await cluster.service('shop', 'proxied');
    const write = (name: string) => cluster.slice('shop', name, { service: 'proxied' });
    const seen = (name: string) => watch.events.some(({ object }) => object.metadata.name === name);
    await write('proxied-1');
    await until('the event', () => seen('proxied-1'));
    proxy.freeze();
    await write('proxied-2');
    const direct = await openWatch(cluster, SLICES, '');
    await until('the event elsewhere', () =>
      direct.events.some(({ object }) => object.metadata.name === 'proxied-2'),
    );
    expect(seen('proxied-2')).to.equal(false);
    expect(watch.ended).to.equal(false);
    proxy.reset();
    await until('the end', () => watch.ended);
    direct.close();
    await proxy.close();
  });

  it('has an etcd on loopback', async () => {
    // Whoever can reach etcd is the administrator; so it must not be reachable from elsewhere.
    const log = await readFile(cluster.etcd.logFile, 'utf8');
    const served = [...log.matchAll(/"address":"([^"]+):\d+"/g)].map(([, host]) => host);
    expect(new Set(served)).to.deep.equal(new Set(['127.0.0.1']));
  });
});
