import { readdirSync, readFileSync } from 'node:fs';
import { kubernetes } from '@crowfly/registry-kubernetes';
import { type ApiObject, type Kubernetes, requireKubernetes, until } from '@crowfly/servers';
import { expect } from 'chai';
import { createDiscovery, type Discovery } from 'crowfly';

const manifests = new URL('../../manifests/', import.meta.url);
const environment = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'] as const;

/** The example's own manifests in a real cluster, with the real controllers; the test is scheduler and kubelet. */
describe('the Kubernetes example in a cluster', () => {
  let cluster: Kubernetes;
  let discovery: Discovery;
  const outside = environment.map((name) => process.env[name]);

  before(async function () {
    cluster = await requireKubernetes(this, {
      controllers: ['deployment-controller', 'replicaset-controller'],
    });
    for (const file of readdirSync(manifests).sort())
      await cluster.apply(readFileSync(new URL(file, manifests), 'utf8'));
    for (const name of ['a', 'b']) await cluster.node(`node-${name}`, { zone: `zone-${name}` });
    await until('the pods of both Deployments', async () => (await pods()).length === 4);
    for (const [index, pod] of (await pods()).entries()) await run(pod, index);

    const pod = await cluster.podDirectory('shop', 'web');
    Object.assign(process.env, pod.env);
    discovery = createDiscovery({
      registry: kubernetes({ serviceAccountDirectory: pod.path }),
      logger: false,
    });
  });
  after(async () => {
    await discovery?.close();
    await cluster?.close();
    environment.forEach((name, index) => {
      if (outside[index] === undefined) delete process.env[name];
      else process.env[name] = outside[index];
    });
  });

  async function pods(app?: string): Promise<readonly ApiObject[]> {
    const selector = app === undefined ? '' : `?labelSelector=app%3D${app}`;
    return (await cluster.ok('GET', `/api/v1/namespaces/shop/pods${selector}`)).items ?? [];
  }

  /** What a scheduler and a kubelet do to a new pod. */
  async function run({ metadata: { name } }: ApiObject, index: number): Promise<void> {
    const path = `/api/v1/namespaces/shop/pods/${name}`;
    const target = { apiVersion: 'v1', kind: 'Node', name: index % 2 === 0 ? 'node-a' : 'node-b' };
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target };
    await cluster.ok('POST', `${path}/binding`, binding);
    const ip = `10.77.0.${index + 1}`;
    const conditions = [{ type: 'Ready', status: 'True' }];
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
    await cluster.ok('PATCH', `${path}/status`, { status }, 'application/merge-patch+json');
  }

  const listed = async (): Promise<string> =>
    (await discovery.instances('orders'))
      .map(({ metadata }) => metadata?.pod)
      .sort()
      .join();

  it('finds exactly the pods that are ready, with the rights of its manifests', async () => {
    const names = (await pods('orders')).map(({ metadata }) => metadata.name).sort();
    expect(names).to.have.length(3);
    await until('all pods', async () => (await listed()) === names.join());
    for (const { port, zone, node } of await discovery.instances('orders')) {
      expect(port).to.equal(8080);
      expect(zone).to.equal(node?.replace('node', 'zone'));
    }

    const [first = '', ...others] = names;
    await cluster.ready('shop', first, false);
    await until('the ready pods alone', async () => (await listed()) === others.join());
    await cluster.ready('shop', first, true);
    await until('all pods again', async () => (await listed()) === names.join());
  });

  it('knows where it runs: the cluster copies the zone of the node to the pod', async () => {
    const [web] = await pods('web');
    const zone = web?.spec.nodeName.replace('node', 'zone');
    expect(web?.metadata.labels).to.have.property('topology.kubernetes.io/zone', zone);
  });

  it('may do nothing beyond', async () => {
    const may = async (
      verb: string,
      group: string,
      resource: string,
      namespace = 'shop',
    ): Promise<boolean> => {
      const review = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: 'system:serviceaccount:shop:web',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
          resourceAttributes: { verb, group, resource, namespace },
        },
      };
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      return (await cluster.ok('POST', path, review)).status.allowed;
    };
    for (const verb of ['get', 'list', 'watch'])
      expect(await may(verb, 'discovery.k8s.io', 'endpointslices'), verb).to.equal(true);
    expect(await may('get', '', 'services')).to.equal(true);

    expect(await may('update', 'discovery.k8s.io', 'endpointslices')).to.equal(false);
    expect(await may('list', 'discovery.k8s.io', 'endpointslices', 'default')).to.equal(false);
    expect(await may('list', '', 'services')).to.equal(false);
    expect(await may('list', '', 'pods')).to.equal(false);
    expect(await may('get', '', 'secrets')).to.equal(false);
  });
});
