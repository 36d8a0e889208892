import type { Endpoint } from '@crowfly/core';
import type { ApiObject } from './cluster.ts';

export interface SliceFacts {
  readonly name: string;
  readonly service?: string;
  readonly namespace?: string;
  readonly addressType?: string;
  readonly ports?: unknown;
  readonly endpoints?: unknown;
}

/** An EndpointSlice. */
export function slice({ name, service = 'orders', namespace = 'shop', ...facts }: SliceFacts): ApiObject {
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    addressType: facts.addressType ?? 'IPv4',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': service } },
    ports: 'ports' in facts ? facts.ports : [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: facts.endpoints ?? [],
  };
}

/** One endpoint of a slice: a pod of the name `pod-<address>`. */
export function pod(address: string, facts: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', name: `pod-${address}`, uid: `uid-${address}` },
    ...facts,
  };
}

export const pods = (...addresses: readonly string[]): Record<string, unknown>[] =>
  addresses.map((address) => pod(address));

export function service(name: string, spec: object = {}, namespace = 'shop'): ApiObject {
  return {
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
  };
}

/** What the kit's instances are in a cluster: one slice a port, all of one name. */
export function slicesOf(name: string, endpoints: readonly Endpoint[]): ApiObject[] {
  const made = [...byPort(endpoints)].map(([port, those]) =>
    slice({
      name: `${name}-${port}`,
      service: name,
      ports: [{ name: 'http', port, protocol: 'TCP' }],
      endpoints: those.map(({ id, host, zone, state }) => ({
        addresses: [host],
        conditions: { ready: state !== 'draining', serving: true, terminating: state === 'draining' },
        targetRef: { kind: 'Pod', name: id, uid: id },
        zone,
      })),
    }),
  );
  // As the controller does it: a service without pods has an empty slice.
  return made.length > 0 ? made : [slice({ name: `${name}-none`, service: name, ports: [] })];
}

/** The same as an Endpoints object. */
export function endpointsOf(
  name: string,
  endpoints: readonly Endpoint[],
  extra: readonly unknown[] = [],
): ApiObject {
  const subsets = [...byPort(endpoints)].map(([port, those]) => ({
    addresses: those.map(({ id, host }) => ({ ip: host, targetRef: { kind: 'Pod', name: id, uid: id } })),
    ports: [{ name: 'http', port, protocol: 'TCP' }],
  }));
  return { kind: 'Endpoints', metadata: { name, namespace: 'shop' }, subsets: [...subsets, ...extra] };
}

function byPort(endpoints: readonly Endpoint[]): Map<unknown, Endpoint[]> {
  const ports = new Map<unknown, Endpoint[]>();
  for (const endpoint of endpoints) {
    const those = ports.get(endpoint.port);
    if (those === undefined) ports.set(endpoint.port, [endpoint]);
    else those.push(endpoint);
  }
  return ports;
}
