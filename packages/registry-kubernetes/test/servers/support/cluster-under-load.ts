// Runs in a network namespace of its own: a real control plane, real instances on pod addresses, and calls at 200 a
// second while something happens to them. Prints one JSON object. Argument: what happens.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropPackets, type Kubernetes, restorePackets, startKubernetes, until } from '@crowfly/servers';
import { createDiscovery } from 'crowfly';
import { Account } from './account.js';
import { Kubelet } from './kubelet.js';
import { Load } from './load.js';

const NAMESPACE = 'shop';
const REPLICAS = 4;
const PORT = 8080;
const directory = mkdtempSync(join(tmpdir(), 'crowfly-load-'));
const log = join(directory, 'posts');

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: orders, namespace: ${NAMESPACE} }
spec:
  replicas: ${REPLICAS}
  selector: { matchLabels: { app: orders } }
  template:
    metadata: { labels: { app: orders } }
    spec:
      terminationGracePeriodSeconds: 30
      containers: [{ name: orders, image: none, ports: [{ name: http, containerPort: ${PORT} }] }]
`;

interface World {
  readonly cluster: Kubernetes;
  readonly kubelet: Kubelet;
  readonly load: Load;
}

/** What happens while calls go on. */
const EVENTS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async 'a rolling update replaces every pod'({ cluster, kubelet }) {
    const before = new Set(kubelet.pods.map(({ name }) => name));
    await cluster.ok(
      'PATCH',
      `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/orders`,
      { spec: { template: { metadata: { annotations: { version: '2' } } } } },
      'application/strategic-merge-patch+json',
    );
    await until(
      'the new pods alone run',
      () => {
        const { pods } = kubelet;
        return pods.length === REPLICAS && pods.every(({ name }) => !before.has(name));
      },
      { withinMs: 120_000 },
    );
    // The old ones serve for a while after their pods are on their way out.
    await pause(8_000);
  },
  async 'a pod is killed without notice'({ kubelet }) {
    const [victim] = kubelet.pods;
    kubelet.kill(victim?.name ?? '');
    await pause(3_000);
    await kubelet.restart(victim?.name ?? '');
    await pause(5_000);
  },
  async 'the API server is down while pods die'({ cluster, kubelet }) {
    await cluster.apiserver.kill();
    await pause(5_000);
    const victims = kubelet.pods.slice(0, 2);
    for (const { name } of victims) kubelet.kill(name);
    await pause(25_000);
    await cluster.apiserver.start();
    for (const { name } of victims) await kubelet.restart(name);
    await pause(8_000);
  },
  async 'a node vanishes'({ kubelet }) {
    const [{ node } = { node: '' }] = kubelet.pods;
    const lost = kubelet.pods.filter((pod) => pod.node === node).map(({ ip }) => ip);
    for (const ip of lost) await dropPackets(ip);
    await pause(10_000);
    for (const ip of lost) await restorePackets(ip);
    await pause(8_000);
  },
};

async function main(what: string): Promise<void> {
  const cluster = await startKubernetes({ controllers: ['deployment-controller', 'replicaset-controller'] });
  const addresses = (process.env.CROWFLY_ADDRESSES ?? '').split(' ');
  const kubelet = new Kubelet({
    cluster,
    namespace: NAMESPACE,
    nodes: ['node-a', 'node-b'],
    addresses,
    port: PORT,
    log,
  });
  try {
    await cluster.namespace(NAMESPACE);
    for (const node of ['node-a', 'node-b']) await cluster.node(node, { zone: node.replace('node', 'zone') });
    const account = await Account.create(cluster, { namespace: NAMESPACE });
    await account.grant();
    await cluster.service(NAMESPACE, 'orders', {
      selector: { app: 'orders' },
      ports: [{ name: 'http', port: 80, targetPort: PORT }],
    });
    kubelet.start();
    await cluster.apply(DEPLOYMENT);
    const discovery = createDiscovery({ registry: account.registry(), logger: false });
    await until(
      'every pod is ready',
      async () => {
        const found = await discovery.instances('orders').catch(() => []);
        return found.length === REPLICAS;
      },
      { withinMs: 60_000 },
    );
    const load = new Load({
      url: 'http://orders.shop.svc.cluster.local/pay',
      perSecond: 200,
      postEvery: 5,
      lateMs: 3_000,
      fetch: (url, init) => discovery.fetch(url, init),
    });
    load.start();
    await pause(3_000);
    await EVENTS[what]?.({ cluster, kubelet, load });
    load.forgetPods();
    await pause(2_000);
    const tally = await load.stop();
    const executed = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
    const doubled = executed.length - new Set(executed).size;
    await discovery.close();
    console.log(JSON.stringify({ ...tally, posts: executed.length, doubled }));
  } finally {
    await kubelet.stop();
    await cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main(process.argv[2] ?? '');
