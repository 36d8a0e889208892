import { join } from 'node:path';
import type { Guardian } from '../process/guardian.js';
import { ServerProcess } from '../process/server-process.js';
import type { Identity } from './identity.js';

interface Common {
  readonly program: string;
  readonly directory: string;
  readonly guardian: Guardian;
  readonly isReady: () => Promise<boolean>;
}

export function apiServer(
  settings: Common & {
    etcd: string;
    port: number;
    certificates: string;
    identity: Identity;
    watchCache: boolean;
  },
): ServerProcess {
  const { etcd, port, certificates, identity, watchCache, ...common } = settings;
  return new ServerProcess({
    ...common,
    name: 'kube-apiserver',
    args: [
      `--etcd-servers=${etcd}`,
      `--secure-port=${port}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1', // else it looks for an address of the machine, and there may be none
      `--cert-dir=${certificates}`,
      '--service-cluster-ip-range=10.96.0.0/16,fd00:96::/112',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${identity.publicKey}`,
      `--service-account-signing-key-file=${identity.signingKey}`,
      `--token-auth-file=${identity.tokenFile}`,
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount', // pods would wait for a service account that no controller makes
      '--endpoint-reconciler-type=none', // it would put itself, on loopback, into the endpoints of `kubernetes`
      '--allow-privileged=true',
      `--watch-cache=${watchCache}`,
      '--shutdown-watch-termination-grace-period=2s', // at SIGTERM watches end in order, as on a control plane that is updated
    ],
  });
}

export function controllerManager(
  settings: Common & { kubeconfig: string; controllers: readonly string[] },
): ServerProcess {
  const { kubeconfig, controllers, ...common } = settings;
  return new ServerProcess({
    ...common,
    name: 'kube-controller-manager',
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--controllers=${controllers.join(',')}`,
      '--leader-elect=false',
      '--secure-port=0',
      '--kube-api-qps=1000',
      '--kube-api-burst=2000',
    ],
  });
}

export const certificatesIn = (directory: string): string => join(directory, 'certificates');
