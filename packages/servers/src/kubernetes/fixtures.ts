import { type ApiObject, MERGE_PATCH } from './api-client.js';
import { pathOf } from './kinds.js';
import { Objects } from './objects.js';

export interface PortSpec {
  readonly name?: string;
  readonly port: number;
  /** Number or name of a container's port; the same number by default. */
  readonly targetPort?: number | string;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol?: string;
}

export interface ServiceSpec {
  /** One, 80, by default; none of an ExternalName. */
  readonly ports?: readonly PortSpec[];
  /** Without one, nobody makes slices but the test. */
  readonly selector?: Readonly<Record<string, string>>;
  readonly headless?: boolean;
  readonly publishNotReadyAddresses?: boolean;
  readonly externalName?: string;
  /** Both for dual stack; IPv4 by default. */
  readonly ipFamilies?: readonly ('IPv4' | 'IPv6')[];
}

export interface PodSpec {
  readonly labels?: Readonly<Record<string, string>>;
  /** Created when missing; `node-1` by default. */
  readonly node?: string;
  /** One, or one of each family. Addresses in 127.0.0.0/8 are refused by the API. */
  readonly ip: string | readonly string[];
  readonly ports?: readonly { readonly name?: string; readonly port: number }[];
  /** True by default. */
  readonly ready?: boolean;
}

/** Of the slice's own shape, but for a plain address, which stands for a ready endpoint. */
export type SliceEndpoint =
  | string
  | { readonly addresses: readonly string[]; readonly [field: string]: unknown };

export interface SliceSpec {
  readonly service: string;
  /** `IPv4` by default. */
  readonly addressType?: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports?:
    | readonly {
        readonly name?: string | null;
        readonly port?: number | null;
        readonly [field: string]: unknown;
      }[]
    | null;
  readonly endpoints?: readonly SliceEndpoint[] | null;
}

/** What a test puts into the cluster. Everything may be called again: what is there is replaced or kept. */
export class Fixtures extends Objects {
  /** A node for pods to stand on; its zone as the well-known label. */
  async node(name: string, { zone }: { zone?: string } = {}): Promise<void> {
    const labels = zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
    const made = await this.create({ kind: 'Node', metadata: { name, labels } } as ApiObject);
    if (made === undefined)
      await this.ok('PATCH', pathOf('Node', '', name), { metadata: { labels } }, MERGE_PATCH);
  }

  async service(namespace: string, name: string, spec: ServiceSpec = {}): Promise<ApiObject> {
    const { selector, headless, publishNotReadyAddresses, externalName, ipFamilies } = spec;
    const ports = spec.ports ?? (externalName === undefined ? [{ port: 80 }] : undefined);
    const object = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: {
        ports: ports?.map((port) => ({ targetPort: port.port, ...port })),
        selector,
        publishNotReadyAddresses,
        ...(externalName === undefined ? {} : { type: 'ExternalName', externalName }),
        ...(headless === true ? { clusterIP: 'None' } : {}),
        ...(ipFamilies === undefined
          ? {}
          : { ipFamilies, ipFamilyPolicy: ipFamilies.length > 1 ? 'RequireDualStack' : 'SingleStack' }),
      },
    };
    return this.put(object);
  }

  /** A pod that runs at once: the kubelet's part is played here, by writing its status. */
  async pod(namespace: string, name: string, spec: PodSpec): Promise<ApiObject> {
    const { labels = {}, node = 'node-1', ip, ports = [], ready = true } = spec;
    const ips = typeof ip === 'string' ? [ip] : ip;
    await this.create({ kind: 'Node', metadata: { name: node } });
    await this.ok('POST', pathOf('Pod', namespace), {
      metadata: { name, labels },
      spec: {
        nodeName: node,
        containers: [
          {
            name: 'main',
            image: 'none',
            ports: ports.map(({ port, ...rest }) => ({ ...rest, containerPort: port })),
          },
        ],
      },
    });
    return this.#status(namespace, name, {
      phase: 'Running',
      podIP: ips[0],
      podIPs: ips.map((address) => ({ ip: address })),
      conditions: readyCondition(ready),
    });
  }

  /** A readiness probe that begins to succeed or to fail. */
  async ready(namespace: string, pod: string, ready: boolean): Promise<void> {
    await this.#status(namespace, pod, { conditions: readyCondition(ready) });
  }

  /**
   * Begins a graceful deletion: the pod is terminating until {@link finishDeletion}, since no kubelet ends it.
   *
   * @param options.graceSeconds 30 by default
   */
  async deletePod(
    namespace: string,
    name: string,
    { graceSeconds = 30 }: { graceSeconds?: number } = {},
  ): Promise<void> {
    await this.ok('DELETE', `${pathOf('Pod', namespace, name)}?gracePeriodSeconds=${graceSeconds}`);
  }

  /** The pod is gone, as when its containers have ended. */
  async finishDeletion(namespace: string, name: string): Promise<void> {
    await this.deletePod(namespace, name, { graceSeconds: 0 });
  }

  /** An EndpointSlice written by hand, created or replaced whole. Its service should have no selector. */
  slice(namespace: string, name: string, spec: SliceSpec): Promise<ApiObject> {
    const { service, addressType = 'IPv4', ports = [], endpoints = [] } = spec;
    const labels = {
      'kubernetes.io/service-name': service,
      'endpointslice.kubernetes.io/managed-by': 'crowfly-tests',
    };
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels },
      addressType,
      ports,
      endpoints:
        endpoints?.map((endpoint) =>
          typeof endpoint === 'string' ? { addresses: [endpoint], conditions: { ready: true } } : endpoint,
        ) ?? null,
    };
    return this.put(slice);
  }

  async deleteSlice(namespace: string, name: string): Promise<void> {
    await this.delete('EndpointSlice', namespace, name);
  }

  /** The slices of a service, in the order of their names. */
  async slices(namespace: string, service: string): Promise<readonly ApiObject[]> {
    const selector = encodeURIComponent(`kubernetes.io/service-name=${service}`);
    const list = await this.ok('GET', `${pathOf('EndpointSlice', namespace)}?labelSelector=${selector}`);
    return list.items ?? [];
  }

  #status(namespace: string, name: string, status: object): Promise<ApiObject> {
    return this.ok('PATCH', `${pathOf('Pod', namespace, name)}/status`, { status }, MERGE_PATCH);
  }
}

function readyCondition(ready: boolean): readonly object[] {
  const status = ready ? 'True' : 'False';
  return ['Ready', 'ContainersReady'].map((type) => ({ type, status }));
}
