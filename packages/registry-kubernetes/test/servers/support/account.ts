import { readFile } from 'node:fs/promises';
import type { RegistryFactory } from '@crowfly/core';
import { type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { type Kubernetes, type PodDirectory, type TokenSpec, until } from '@crowfly/servers';

const MANIFESTS = new URL('../../../manifests/', import.meta.url);

/** The manifests that are shipped, with what a binding to them names. */
const ROLES = {
  'role.yaml': { kind: 'Role', name: 'crowfly', group: 'discovery.k8s.io', resource: 'endpointslices' },
  'cluster-role.yaml': {
    kind: 'ClusterRole',
    name: 'crowfly',
    group: 'discovery.k8s.io',
    resource: 'endpointslices',
  },
  'role-endpoints.yaml': { kind: 'Role', name: 'crowfly-endpoints', group: '', resource: 'endpoints' },
} as const;

export type Manifest = keyof typeof ROLES;

export interface AccountSpec {
  readonly namespace?: string;
  readonly name?: string;
  readonly token?: TokenSpec;
}

/** A client's service account, with exactly the rights that were granted, and the files that its pod would have. */
export class Account {
  readonly namespace: string;
  readonly name: string;
  readonly pod: PodDirectory;
  readonly #cluster: Kubernetes;

  private constructor(cluster: Kubernetes, namespace: string, name: string, pod: PodDirectory) {
    this.#cluster = cluster;
    this.namespace = namespace;
    this.name = name;
    this.pod = pod;
  }

  /** One that may do nothing yet. */
  static async create(
    cluster: Kubernetes,
    { namespace = 'shop', name = 'web', token }: AccountSpec = {},
  ): Promise<Account> {
    await cluster.namespace(namespace);
    await cluster.serviceAccount(namespace, name);
    return new Account(cluster, namespace, name, await cluster.podDirectory(namespace, name, token));
  }

  /** Applies a manifest as it is shipped, and binds it in a namespace; settles when the API server goes by it. */
  async grant(manifest: Manifest = 'role.yaml', namespace = this.namespace): Promise<this> {
    await this.#cluster.apply(await readFile(new URL(manifest, MANIFESTS), 'utf8'), namespace);
    return this.bind(manifest, namespace);
  }

  /** Binds a role that is there. */
  async bind(manifest: Manifest = 'role.yaml', namespace = this.namespace): Promise<this> {
    const { kind, name } = ROLES[manifest];
    await this.#cluster.apply(
      JSON.stringify({
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: this.#binding(manifest), namespace },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
        subjects: [{ kind: 'ServiceAccount', name: this.name, namespace: this.namespace }],
      }),
      namespace,
    );
    await this.#until(manifest, namespace, true);
    return this;
  }

  /** Takes the binding away; settles when the API server goes by it. */
  async unbind(manifest: Manifest = 'role.yaml', namespace = this.namespace): Promise<void> {
    await this.#cluster.delete('RoleBinding', namespace, this.#binding(manifest));
    await this.#until(manifest, namespace, false);
  }

  /**
   * The adapter as it is in this account's pod, found by what the pod has on disk and in its environment.
   *
   * @param port of a proxy in front of the API server
   */
  registry(options: KubernetesOptions = {}, port?: number): RegistryFactory {
    const env = {
      ...this.pod.env,
      ...(port === undefined ? {} : { KUBERNETES_SERVICE_PORT: String(port) }),
    };
    const factory = kubernetes({ serviceAccountDirectory: this.pod.path, ...options });
    return (context) => {
      const before = Object.keys(env).map((key) => [key, process.env[key]] as const);
      Object.assign(process.env, env);
      try {
        return factory(context);
      } finally {
        for (const [key, value] of before) {
          if (value === undefined) delete process.env[key];
          else process.env[key] = value;
        }
      }
    };
  }

  #binding(manifest: Manifest): string {
    return `${this.name}-${manifest.replace('.yaml', '')}`;
  }

  async #until(manifest: Manifest, namespace: string, wanted: boolean): Promise<void> {
    const { group, resource } = ROLES[manifest];
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {
        user: `system:serviceaccount:${this.namespace}:${this.name}`,
        resourceAttributes: { namespace, verb: 'list', group, resource },
      },
    };
    await until(`the rights of ${this.name} to be ${wanted ? 'there' : 'gone'}`, async () => {
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const answer = await this.#cluster.ok('POST', path, review);
      return (answer.status?.allowed === true) === wanted;
    });
  }
}

/** Whether the API server takes the token for somebody's, as it does for each request. */
export async function accepts(cluster: Kubernetes, token: string): Promise<boolean> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const answer = await cluster.ok('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review);
  return answer.status?.authenticated === true;
}
