import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Resource } from './cluster.ts';

export type Verb = 'list' | 'watch' | 'get';

/** One request, as the API server sees it. */
export interface Seen {
  readonly verb: Verb;
  readonly resource: Resource;
  readonly namespace: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly httpVersion: string;
  /** Whose certificate the client showed. */
  readonly client: string | undefined;
}

const COLLECTION =
  /^\/(?:apis\/discovery\.k8s\.io\/v1|api\/v1)\/namespaces\/([^/]+)\/(endpointslices|endpoints)$/;
const SERVICE = /^\/api\/v1\/namespaces\/([^/]+)\/services\/([^/]+)$/;
const NAMESPACE = /^\/api\/v1\/namespaces\/([^/]+)$/;

/** @returns `undefined` for what the fake does not know */
export function readRequest(
  request: IncomingMessage | Http2ServerRequest,
  basePath: string,
): Seen | undefined {
  const url = new URL(request.url ?? '/', 'http://api');
  if (!url.pathname.startsWith(`${basePath}/`)) return undefined;
  const path = url.pathname.slice(basePath.length);
  const base = {
    query: url.searchParams,
    headers: request.headers as IncomingMessage['headers'],
    httpVersion: request.httpVersion,
    client: clientOf(request),
    name: undefined,
  };
  const [, collectionOf, collection] = COLLECTION.exec(path) ?? [];
  if (collectionOf !== undefined) {
    const verb = url.searchParams.get('watch') === '1' ? 'watch' : 'list';
    return { ...base, verb, resource: collection as Resource, namespace: collectionOf };
  }
  const [, serviceOf, service] = SERVICE.exec(path) ?? [];
  if (serviceOf !== undefined)
    return { ...base, verb: 'get', resource: 'services', namespace: serviceOf, name: service };
  const [, name] = NAMESPACE.exec(path) ?? [];
  return name === undefined
    ? undefined
    : { ...base, verb: 'get', resource: 'namespaces', namespace: name, name };
}

function clientOf(request: IncomingMessage | Http2ServerRequest): string | undefined {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  const name: unknown = (socket as TLSSocket | undefined)?.getPeerCertificate?.()?.subject?.CN;
  return typeof name === 'string' ? name : undefined;
}
