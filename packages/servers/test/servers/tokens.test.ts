import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Kubernetes, requireKubernetes, until } from '@crowfly/servers';
import { expect } from 'chai';
import { openWatch } from './support/watch.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

const RIGHTS = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader, namespace: shop }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: shop }
rules: [{ apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: shop }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: reader, namespace: shop }]
`;

describe('a token of a service account', () => {
  let cluster: Kubernetes;
  before(async function () {
    cluster = await requireKubernetes(this);
    await cluster.apply(RIGHTS);
  });
  after(() => cluster?.close());

  async function statusWith(token: string, path = SLICES): Promise<number> {
    const watch = await openWatch(cluster, path, '', { token });
    const status = await until('the answer', () => watch.status);
    watch.close();
    return status;
  }

  it('has the rights that were applied, and no others', async () => {
    const token = await cluster.token('shop', 'reader');
    await until('the rights', async () => (await statusWith(token)) === 200);
    expect(await statusWith(token, '/api/v1/namespaces/shop/secrets')).to.equal(403);
    expect(await statusWith(token, SLICES.replace('shop', 'default'))).to.equal(403);
  });

  it('ends with the Secret it is bound to, as soon as the API server asks again', async () => {
    const token = await cluster.token('shop', 'reader', { boundToSecret: 'leash' });
    expect(await statusWith(token)).to.equal(200);
    const started = performance.now();
    await cluster.revoke('shop', 'leash');
    await until('the refusal', async () => (await statusWith(token)) === 401);
    if (process.env.CROWFLY_MEASURE)
      console.log(`revoked token refused after ${Math.round(performance.now() - started)} ms`);
  }).timeout(60_000);

  it('loses its rights with the Role, while it stays valid', async () => {
    const token = await cluster.token('shop', 'reader');
    await until('the rights', async () => (await statusWith(token)) === 200);
    await cluster.delete('RoleBinding', 'shop', 'reader');
    await until('the refusal', async () => (await statusWith(token)) === 403);
    await cluster.apply(RIGHTS);
  });

  it('is found by a pod as files, which change when it is rotated', async () => {
    const pod = await cluster.podDirectory('shop', 'reader');
    const read = (name: string): Promise<string> => readFile(join(pod.path, name), 'utf8');
    expect(await read('namespace')).to.equal('shop');
    expect(await read('ca.crt')).to.equal(await readFile(cluster.caFile, 'utf8'));
    expect(`https://${pod.env.KUBERNETES_SERVICE_HOST}:${pod.env.KUBERNETES_SERVICE_PORT}`).to.equal(
      cluster.origin,
    );
    const first = await read('token');
    await until('the rights', async () => (await statusWith(first)) === 200);
    const second = await cluster.token('shop', 'reader');
    await pod.rotate(second);
    expect(await read('token'))
      .to.equal(second)
      .and.not.equal(first);
  });

  it('cannot be had for a service account that is not there', async () => {
    const error = await cluster.token('shop', 'nobody').catch((reason) => reason);
    expect(error).to.include({ code: 'bad-answer', status: 404 });
  });
});
