import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Progress } from '../build/build.js';
import { PROGRAMS } from '../build/programs.js';
import { ServersError } from '../errors.js';
import { Guardian } from '../process/guardian.js';
import { freePort } from '../process/ports.js';
import { ApiClient } from './api-client.js';
import { Kubernetes } from './cluster.js';
import { apiServer, certificatesIn, controllerManager } from './control-plane.js';
import { Etcd } from './etcd.js';
import { createIdentity, extractCa, kubeconfig, writeSecret } from './identity.js';
import { Objects } from './objects.js';
import { controllersWork } from './probe.js';

export interface KubernetesOptions {
  /** In addition to {@link CONTROLLERS}: `deployment-controller` and `replicaset-controller` for a rolling update. */
  readonly controllers?: readonly string[];
  /** False: every read and watch goes to etcd, and a compaction shows at once. True by default. */
  readonly watchCache?: boolean;
  /** Gets a line now and then while servers are built; standard error by default. */
  readonly progress?: Progress;
}

/** The controllers that run in every cluster. Without the garbage collector, slices would outlive their Service. */
export const CONTROLLERS: readonly string[] = [
  'endpointslice-controller',
  'endpoints-controller',
  'endpointslice-mirroring-controller',
  'garbage-collector-controller',
];

/** A port may be taken between its choice and its use. */
const TRIES = 3;

export interface KubernetesPrograms {
  readonly etcd: string;
  readonly apiserver: string;
  readonly controllerManager: string;
}

/**
 * Builds what a cluster needs, one after the other, unless it is there.
 *
 * @throws ServersError `not-available` without Go, `build-failed`
 */
export async function buildKubernetes(progress?: Progress): Promise<KubernetesPrograms> {
  return {
    etcd: await build(PROGRAMS.etcd, progress),
    apiserver: await build(PROGRAMS.apiserver, progress),
    controllerManager: await build(PROGRAMS.controllerManager, progress),
  };
}

/**
 * Starts a cluster of its own on free ports of 127.0.0.1; it is ready in some seconds. It ends with `close()`, or with this
 * process.
 *
 * @throws ServersError `not-available` without Go, `build-failed`, `start-failed` with the end of the server's log
 */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<Kubernetes> {
  const programs = await buildKubernetes(options.progress);
  for (let left = TRIES - 1; ; left--) {
    try {
      return await startOnce(programs, options);
    } catch (error) {
      const clash = error instanceof ServersError && /address already in use/.test(error.message);
      if (!clash || left === 0) throw error;
    }
  }
}

async function startOnce(programs: KubernetesPrograms, options: KubernetesOptions): Promise<Kubernetes> {
  const directory = await mkdtemp(join(tmpdir(), 'crowfly-kubernetes-'));
  const guardian = new Guardian(directory);
  try {
    return await startIn(directory, guardian, programs, options);
  } catch (error) {
    await guardian.close();
    throw error;
  }
}

async function startIn(
  directory: string,
  guardian: Guardian,
  programs: KubernetesPrograms,
  { controllers = [], watchCache = true }: KubernetesOptions,
): Promise<Kubernetes> {
  const identity = await createIdentity(directory);
  const ports = { client: await freePort(), peer: await freePort(), api: await freePort() };
  const origin = `https://127.0.0.1:${ports.api}`;
  const certificates = certificatesIn(directory);
  const common = { directory, guardian };

  const etcd = new Etcd({ ...common, program: programs.etcd, ports });
  await etcd.start();

  // The authority is known once the API server has made it.
  const caFile = join(directory, 'ca.crt');
  let client: ApiClient | undefined;
  let ca = '';
  const apiserver = apiServer({
    ...common,
    program: programs.apiserver,
    etcd: etcd.origin,
    port: ports.api,
    certificates,
    identity,
    watchCache,
    isReady: async () => {
      if (client === undefined) {
        ca = await extractCa(certificates, caFile);
        client = new ApiClient(origin, ca, identity.adminToken);
      }
      return (await client.request('GET', '/readyz')).status === 200;
    },
  });
  await apiserver.start();
  if (client === undefined)
    throw new ServersError('start-failed', 'the API server is ready without a client');

  const config = join(directory, 'admin.kubeconfig');
  await writeSecret(config, kubeconfig(origin, ca, identity.adminToken));
  const objects = new Objects(client);
  const manager = controllerManager({
    ...common,
    program: programs.controllerManager,
    kubeconfig: config,
    controllers: [...CONTROLLERS, ...controllers],
    isReady: () => controllersWork(objects),
  });
  await manager.start();
  return new Kubernetes({
    directory,
    guardian,
    client,
    etcd,
    apiserver,
    controllerManager: manager,
    ca,
    caFile,
    adminToken: identity.adminToken,
    kubeconfig: config,
  });
}
