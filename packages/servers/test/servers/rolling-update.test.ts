import { type Kubernetes, requireKubernetes, until } from '@crowfly/servers';
import { expect } from 'chai';

const deployment = (version: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: orders, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: orders } }
  template:
    metadata: { labels: { app: orders, version: ${version} } }
    spec: { containers: [{ name: main, image: none }] }
`;

describe('a rolling update', () => {
  let cluster: Kubernetes;
  before(async function () {
    cluster = await requireKubernetes(this, {
      controllers: ['deployment-controller', 'replicaset-controller'],
    });
  });
  after(() => cluster?.close());

  const pods = async (version: string) =>
    (await cluster.ok('GET', `/api/v1/namespaces/shop/pods?labelSelector=version=${version}`)).items ?? [];

  it('is made by the real controllers, when they are asked for', async () => {
    await cluster.apply(deployment('one'));
    await until('two pods', async () => (await pods('one')).length === 2);
    await cluster.apply(deployment('two'));
    const [pod] = await until('a pod of the new version', async () => {
      const made = await pods('two');
      return made.length > 0 && made;
    });
    expect(pod!.metadata.labels).to.include({ app: 'orders', version: 'two' });
  });
});
