import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Guardian } from '../process/guardian.js';
import type { ServerProcess } from '../process/server-process.js';
import type { ApiClient } from './api-client.js';
import type { Etcd } from './etcd.js';
import { Fixtures } from './fixtures.js';
import { PodDirectory, requestToken, type TokenSpec } from './tokens.js';

export interface ClusterParts {
  readonly directory: string;
  readonly guardian: Guardian;
  readonly client: ApiClient;
  readonly etcd: Etcd;
  readonly apiserver: ServerProcess;
  readonly controllerManager: ServerProcess;
  readonly ca: string;
  readonly caFile: string;
  readonly adminToken: string;
  readonly kubeconfig: string;
}

/** The state of a cluster at some moment. */
export interface Backup {
  readonly path: string;
}

/** A running cluster: etcd, the API server and its controllers. There is no kubelet: a test plays it. */
export class Kubernetes extends Fixtures {
  /** `https://127.0.0.1:<port>` */
  readonly origin: string;
  /** The authority that signed the API server's certificate. */
  readonly caFile: string;
  /** May do everything. */
  readonly adminToken: string;
  /** Path of a kubeconfig of the administrator, which needs no other file. */
  readonly kubeconfig: string;
  /** Holds data, keys and logs until {@link close}. */
  readonly directory: string;
  readonly etcd: ServerProcess;
  readonly apiserver: ServerProcess;
  /** Ready means: what changes about a Service or a pod reaches its slices. */
  readonly controllerManager: ServerProcess;
  readonly #parts: ClusterParts;

  constructor(parts: ClusterParts) {
    super(parts.client);
    this.#parts = parts;
    this.origin = parts.client.origin;
    this.caFile = parts.caFile;
    this.adminToken = parts.adminToken;
    this.kubeconfig = parts.kubeconfig;
    this.directory = parts.directory;
    this.etcd = parts.etcd;
    this.apiserver = parts.apiserver;
    this.controllerManager = parts.controllerManager;
  }

  async serviceAccount(namespace: string, name: string): Promise<void> {
    await this.create({ kind: 'ServiceAccount', metadata: { name, namespace } });
  }

  /** A token of a service account, from the TokenRequest API. */
  token(namespace: string, serviceAccount: string, spec?: TokenSpec): Promise<string> {
    return requestToken(this, namespace, serviceAccount, spec);
  }

  /** Ends the tokens bound to a Secret, by deleting it. The API server believes what it checked for another 10 s. */
  async revoke(namespace: string, secret: string): Promise<void> {
    await this.delete('Secret', namespace, secret);
  }

  /** What a pod has: the directory with token, ca.crt and namespace, and the environment. */
  async podDirectory(namespace: string, serviceAccount: string, spec?: TokenSpec): Promise<PodDirectory> {
    const path = await mkdtemp(join(this.directory, 'pod-'));
    const pod = new PodDirectory(path, this.origin, this.#parts.ca, namespace);
    await pod.rotate(await this.token(namespace, serviceAccount, spec));
    return pod;
  }

  /**
   * Makes etcd forget all history. The API server's watch cache still knows what it saw itself: to get 410 for an older
   * resourceVersion, kill and start the API server after this, or run the cluster with `watchCache: false`.
   */
  async compact(): Promise<void> {
    await this.#parts.etcd.compact();
  }

  /** Keeps the present state, for {@link restore}. The cluster stands still for some milliseconds. */
  async backup(): Promise<Backup> {
    const path = await mkdtemp(join(this.directory, 'backup-'));
    await this.#parts.etcd.copyData(path);
    return { path };
  }

  /** Goes back to an earlier state: everything is stopped and started again, and resourceVersions count on from there. */
  async restore(backup: Backup): Promise<void> {
    const { etcd, apiserver, controllerManager } = this.#parts;
    for (const server of [controllerManager, apiserver, etcd]) await server.kill();
    await etcd.replaceData(backup.path);
    for (const server of [etcd, apiserver, controllerManager]) await server.start();
  }

  /** Ends all processes and removes the directory. May be called again. */
  async close(): Promise<void> {
    const { controllerManager, apiserver, etcd, client, guardian } = this.#parts;
    client.close();
    await Promise.all([controllerManager, apiserver, etcd].map((server) => server.kill()));
    await guardian.close();
  }
}
