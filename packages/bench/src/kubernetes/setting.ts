import { mkdir, mkdtemp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Kubernetes } from '@crowfly/servers';

/** What a pod with the package's own rights finds: files and environment, also where the official client looks for them. */
export interface PodPlace {
  readonly env: Readonly<Record<string, string>>;
}

/** A namespace, with an account that has exactly the rights of the manifest that is shipped. */
export async function pod(cluster: Kubernetes, namespace: string): Promise<PodPlace> {
  const entry = createRequire(import.meta.url).resolve('@crowfly/registry-kubernetes');
  const role = await readFile(join(entry.slice(0, entry.lastIndexOf('dist')), 'manifests/role.yaml'), 'utf8');
  await cluster.apply(role, namespace);
  await cluster.serviceAccount(namespace, 'web');
  await cluster.create({
    kind: 'RoleBinding',
    metadata: { name: 'crowfly', namespace },
    ...{
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'crowfly' },
      subjects: [{ kind: 'ServiceAccount', name: 'web', namespace }],
    },
  });
  const { path, env } = await cluster.podDirectory(namespace, 'web');
  const root = await mkdtemp(join(cluster.directory, 'root-'));
  const secrets = join(root, 'var/run/secrets/kubernetes.io');
  await mkdir(secrets, { recursive: true });
  await symlink(path, join(secrets, 'serviceaccount'));
  return { env: { ...env, POD_ROOT: root, POD_DIRECTORY: path, POD_NAMESPACE: namespace } };
}

export interface SliceSetting {
  readonly namespace: string;
  readonly service: string;
  readonly name: string;
  readonly addresses: readonly string[];
  /** Of all its endpoints: a pick's endpoint tells by it which write it has seen. */
  readonly zone: string;
}

/** A slice as the endpoint slice controller writes it. */
function sliceOf({ namespace, service, name, addresses, zone }: SliceSetting): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name,
      namespace,
      labels: {
        'kubernetes.io/service-name': service,
        'endpointslice.kubernetes.io/managed-by': 'crowfly-bench',
      },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${address.split('.')[3]}`,
      zone,
      targetRef: { kind: 'Pod', namespace, name: `${service}-${address}`, uid: uidOf(address) },
    })),
  };
}

export async function createSlice(cluster: Kubernetes, setting: SliceSetting): Promise<void> {
  await cluster.ok('POST', `${pathOf(setting.namespace)}`, sliceOf(setting));
}

export async function writeSlice(cluster: Kubernetes, setting: SliceSetting): Promise<void> {
  await cluster.ok('PUT', `${pathOf(setting.namespace)}/${setting.name}`, sliceOf(setting));
}

const pathOf = (namespace: string): string =>
  `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;

/** The n-th pod's. */
export const addressOf = (n: number): string => `10.${100 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

function uidOf(address: string): string {
  const hex = address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
  return `${hex}-0000-4000-8000-${hex.padStart(12, '0')}`;
}
