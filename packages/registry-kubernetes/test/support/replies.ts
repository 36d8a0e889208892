import { type ApiObject, type Change, type Cluster, type Resource, selects } from './cluster.ts';
import type { Seen, Verb } from './requests.ts';

/** An answer. */
export interface Reply {
  readonly status: number;
  /** Sent as JSON; a text as it is, as HTML. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A `Status` object, and the answer that it is the body of. */
export function statusOf(code: number, reason: string, message: string, details: object = {}): Reply {
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code,
  };
  return { status: code, body };
}

export function forbidden(verb: Verb, resource: Resource, namespace: string): Reply {
  const what = `User "system:serviceaccount:shop:web" cannot ${verb} resource "${resource}"`;
  const group = resource === 'endpointslices' ? 'discovery.k8s.io' : '';
  return statusOf(
    403,
    'Forbidden',
    `${resource} is forbidden: ${what} in API group "${group}" in the namespace "${namespace}"`,
  );
}

export function tooLarge(version: string, cluster: Cluster): Reply {
  return statusOf(504, 'Timeout', `Too large resource version: ${version}, current: ${cluster.version}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

const KINDS = {
  endpointslices: 'EndpointSlice',
  endpoints: 'Endpoints',
  services: 'Service',
  namespaces: 'Namespace',
};

export function bookmark(resource: Resource, version: number): string {
  const object = {
    kind: KINDS[resource],
    metadata: { resourceVersion: String(version), creationTimestamp: null },
  };
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
}

/** What a watch with these selectors sees of a change; '' for nothing. */
export function eventOf(
  { resource, namespace, query }: Seen,
  { before, after, resource: of, version }: Change,
): string {
  const ours = (object: ApiObject | undefined): boolean =>
    object !== undefined && object.metadata.namespace === namespace && selects(query, object);
  if (of !== resource) return '';
  const [was, is] = [ours(before), ours(after)];
  if (!was && !is) return '';
  const type = is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED';
  const last = (is ? after : before) as ApiObject;
  const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } };
  return `${JSON.stringify({ type, object })}\n`;
}
