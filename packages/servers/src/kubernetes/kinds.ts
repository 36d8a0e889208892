import { ServersError } from '../errors.js';

interface Kind {
  readonly prefix: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const core = (plural: string, namespaced = true): Kind => ({ prefix: '/api/v1', plural, namespaced });
const rbac = (plural: string, namespaced: boolean): Kind => ({
  prefix: '/apis/rbac.authorization.k8s.io/v1',
  plural,
  namespaced,
});

const KINDS: Readonly<Record<string, Kind>> = {
  Namespace: core('namespaces', false),
  Node: core('nodes', false),
  Endpoints: core('endpoints'),
  Pod: core('pods'),
  Secret: core('secrets'),
  Service: core('services'),
  ServiceAccount: core('serviceaccounts'),
  Deployment: { prefix: '/apis/apps/v1', plural: 'deployments', namespaced: true },
  EndpointSlice: { prefix: '/apis/discovery.k8s.io/v1', plural: 'endpointslices', namespaced: true },
  Role: rbac('roles', true),
  RoleBinding: rbac('rolebindings', true),
  ClusterRole: rbac('clusterroles', false),
  ClusterRoleBinding: rbac('clusterrolebindings', false),
};

export const isNamespaced = (kind: string): boolean => kindOf(kind).namespaced;

/**
 * The API's path of a collection, or of one object in it: `pathOf('Pod', 'shop', 'orders-1')`.
 *
 * @param namespace ignored for kinds that have none
 */
export function pathOf(kind: string, namespace: string, name?: string): string {
  const { prefix, plural, namespaced } = kindOf(kind);
  const folder = namespaced ? `${prefix}/namespaces/${namespace}/${plural}` : `${prefix}/${plural}`;
  return name === undefined ? folder : `${folder}/${name}`;
}

function kindOf(kind: string): Kind {
  const found = KINDS[kind];
  if (found === undefined)
    throw new ServersError('bad-answer', `kind ${kind} is not known here: add it to kubernetes/kinds.ts`);
  return found;
}
