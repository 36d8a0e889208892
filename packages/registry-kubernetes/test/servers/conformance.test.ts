import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Endpoint } from '@crowfly/core';
import { type Kubernetes, requireKubernetes, TcpProxy, until } from '@crowfly/servers';
import { type RegistryHarness, registryConformance } from '@crowfly/testkit';
import { Account, accepts } from './support/account.js';
import { Traffic } from './support/traffic.js';

/** The one port of a slice: a set is one slice, and changes in one step. */
const PORT = 8080;

describe('on a real cluster', () => {
  let cluster: Kubernetes;
  before(async function () {
    cluster = await requireKubernetes(this);
  });
  after(() => cluster?.close());

  registryConformance({
    name: 'kubernetes, on a real cluster',
    timeoutMs: 10_000,
    setup: () => harness(cluster),
  });
});

async function harness(cluster: Kubernetes): Promise<RegistryHarness> {
  let generation = 1;
  const secretName = (): string => `leash-${generation}`;
  const account = await Account.create(cluster, { token: { boundToSecret: secretName() } });
  await account.grant();
  const proxy = await TcpProxy.to({ port: Number(new URL(cluster.origin).port) });
  const traffic = new Traffic(`https://127.0.0.1:${proxy.port}`);
  const secrets = [await readFile(join(account.pod.path, 'token'), 'utf8')];
  let storm: NodeJS.Timeout | undefined;
  let denied = false;

  const remove = async (service: string): Promise<void> => {
    await cluster.delete('Service', 'shop', service);
    for (const name of [`${service}-1`, `${service}-2`]) await cluster.deleteSlice('shop', name);
    await visible(cluster, service, undefined);
  };
  const write = async (service: string, endpoints: readonly Endpoint[]): Promise<void> => {
    await cluster.create({
      kind: 'Service',
      metadata: { name: service, namespace: 'shop' },
      ...{ spec: { ports: [{ port: 80, targetPort: PORT }] } },
    });
    const slice = await cluster.slice('shop', `${service}-1`, {
      service,
      ports: [{ port: PORT, name: '' }],
      endpoints: endpoints.map(sliceEndpoint),
    });
    await visible(cluster, service, slice.metadata.resourceVersion);
  };

  return {
    factory: account.registry({}, proxy.port),
    port: PORT,
    maxInstances: 1000,
    secrets,
    targets: (service) => [
      service,
      `${service}.shop`,
      `${service}.shop.svc`,
      `${service}.shop.svc.cluster.local`,
      { scheme: 'http', host: service },
      { scheme: 'http', host: `${service}.shop.svc.cluster.local.` },
    ],
    requests: () => traffic.requests.length + proxy.opened,
    async put(service, endpoints) {
      await write(service, endpoints);
      await cluster.deleteSlice('shop', `${service}-2`);
    },
    remove,
    async malformedEntry(service, endpoints) {
      await cluster.slice('shop', `${service}-2`, { service, ports: null, endpoints: ['10.99.9.9'] });
      await write(service, endpoints);
    },
    async fail() {
      await proxy.refuse();
      proxy.reset();
    },
    freeze: () => proxy.freeze(),
    async cut(change) {
      await proxy.refuse();
      proxy.reset();
      await change();
      // What the API server's watch cache remembers, a new one does not.
      await cluster.compact();
      await cluster.apiserver.kill();
      await cluster.apiserver.start();
      await proxy.accept();
    },
    async rotateCredentials() {
      const oldSecret = secretName();
      const old = await readFile(join(account.pod.path, 'token'), 'utf8');
      generation++;
      const token = await cluster.token('shop', account.name, { boundToSecret: secretName() });
      secrets.push(token);
      await account.pod.rotate(token);
      await cluster.revoke('shop', oldSecret);
      // The API server believes what it checked for another 10 s.
      await until('the old token to be refused', async () => !(await accepts(cluster, old)));
      proxy.reset();
    },
    async deny() {
      denied = true;
      await account.unbind();
      proxy.reset();
    },
    storms: {
      refuses: async () => {
        await proxy.refuse();
        proxy.reset();
      },
      'closes at once': () => {
        proxy.hold();
        proxy.reset();
        storm = setInterval(() => proxy.reset(), 2);
      },
      'closes soon after': () => {
        storm = setInterval(() => proxy.reset(), 50);
      },
      forbids: async () => {
        denied = true;
        await account.unbind();
        proxy.reset();
      },
    },
    async heal() {
      clearInterval(storm);
      if (denied) await account.bind();
      denied = false;
      await proxy.accept();
      proxy.thaw();
    },
    without: {
      malformedWhole: 'a real API server only speaks JSON; the fake one covers it',
    },
    async close() {
      traffic.stop();
      await proxy.close();
    },
  };
}

/** As the adapter's `state` and `zone` come from a slice. */
function sliceEndpoint({ id, host, zone, state }: Endpoint): {
  readonly addresses: readonly string[];
  readonly [field: string]: unknown;
} {
  const draining = state === 'draining';
  return {
    addresses: [host],
    conditions: { ready: !draining, serving: true, terminating: draining },
    targetRef: { kind: 'Pod', name: id, namespace: 'shop', uid: id },
    ...(zone === undefined ? {} : { zone }),
  };
}

/** Waits until whoever lists at whatever version the server has at hand sees this one; undefined: no slice at all. */
async function visible(cluster: Kubernetes, service: string, version: string | undefined): Promise<void> {
  const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?resourceVersion=0&labelSelector=${selector}`;
  await until('the change to be visible', async () => {
    const items = (await cluster.ok('GET', path)).items ?? [];
    return version === undefined
      ? items.length === 0
      : items.some(({ metadata }) => metadata.resourceVersion === version);
  });
}
