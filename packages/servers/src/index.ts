export { cacheFolder, type Progress } from './build/build.js';
export type { CheckStatus, Consul, ConsulService } from './consul/agent.js';
export type { Certificates } from './consul/certificates.js';
export type { ConsulOptions } from './consul/config.js';
export { buildConsul, startConsul } from './consul/start.js';
export { ServersError, type ServersErrorCode } from './errors.js';
export type { ApiAnswer, ApiObject } from './kubernetes/api-client.js';
export type { Backup, Kubernetes } from './kubernetes/cluster.js';
export type { PodSpec, PortSpec, ServiceSpec, SliceEndpoint, SliceSpec } from './kubernetes/fixtures.js';
export { buildKubernetes, CONTROLLERS, type KubernetesOptions, startKubernetes } from './kubernetes/start.js';
export type { PodDirectory, TokenSpec } from './kubernetes/tokens.js';
export {
  checkNamespace,
  inNamespace,
  type NamespaceOptions,
  type NamespaceRun,
} from './namespace/in-namespace.js';
export { addAddress, dropPackets, restorePackets } from './namespace/inside.js';
export { freePort } from './process/ports.js';
export type { ServerProcess } from './process/server-process.js';
export { requireConsul, required, requireKubernetes, type SuiteContext } from './require.js';
export { serve } from './serve.js';
export { TcpProxy, type TcpTarget } from './tcp-proxy.js';
export { type UntilOptions, until } from './until.js';
