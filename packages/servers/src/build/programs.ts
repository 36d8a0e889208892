import { fileURLToPath } from 'node:url';

/** A server as it is had: a Go program of one of the modules under go/. */
export interface Program {
  readonly name: string;
  readonly version: string;
  /** Holds go.mod and go.sum, which pin everything. */
  readonly folder: string;
  readonly target: string;
  readonly linkerFlags: string;
  /** How long a cold build takes on two cores, with downloads; for the message. */
  readonly takes: string;
}

const folder = (name: string): string => fileURLToPath(new URL(`../../go/${name}`, import.meta.url));

const KUBERNETES = '1.36.3';
const [major, minor] = KUBERNETES.split('.');
const STAMP = 'k8s.io/component-base/version';

const kubernetes = (name: string, takes: string): Program => ({
  name,
  version: KUBERNETES,
  folder: folder('kubernetes'),
  target: `k8s.io/kubernetes/cmd/${name}`,
  // What /version answers; without it the program calls itself v0.0.0.
  linkerFlags: `-X ${STAMP}.gitVersion=v${KUBERNETES} -X ${STAMP}.gitMajor=${major} -X ${STAMP}.gitMinor=${minor}`,
  takes,
});

/** CoreDNS and Eureka get their rows here, and their modules (or a pom) beside go/. */
export const PROGRAMS = {
  etcd: {
    name: 'etcd',
    version: '3.6.12',
    folder: folder('etcd'),
    target: 'go.etcd.io/etcd/server/v3',
    linkerFlags: '',
    takes: 'a minute',
  },
  apiserver: kubernetes('kube-apiserver', 'four minutes'),
  controllerManager: kubernetes('kube-controller-manager', 'one to two minutes'),
  // The last line of which every module can be had; its HTTP interface is that of the current ones.
  consul: {
    name: 'consul',
    version: '1.13.9',
    folder: folder('consul'),
    target: 'github.com/hashicorp/consul',
    linkerFlags: '',
    takes: 'three to four minutes',
  },
} as const satisfies Record<string, Program>;
