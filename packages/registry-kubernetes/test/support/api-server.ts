import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { type ApiObject, type Change, Cluster, type Resource, selects } from './cluster.ts';
import { Front } from './front.ts';

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const fixture = (name: string): Buffer => readFileSync(fixturePath(name));

export type Verb = 'list' | 'watch' | 'get';

/** An answer out of turn. */
export interface Reply {
  readonly status: number;
  /** Sent as JSON; a text as it is, as HTML. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

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

interface Interference {
  readonly verb?: Verb | undefined;
  readonly resource?: Resource | undefined;
  left: number;
  readonly reply: Reply | 'hang' | ((seen: Seen) => Reply | 'hang' | undefined);
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/** One watch that is open. */
interface Watcher {
  readonly seen: Seen;
  write(text: string): void;
  end(): void;
  cut(): void;
}

const COLLECTION =
  /^\/(?:apis\/discovery\.k8s\.io\/v1|api\/v1)\/namespaces\/([^/]+)\/(endpointslices|endpoints)$/;
const SERVICE = /^\/api\/v1\/namespaces\/([^/]+)\/services\/([^/]+)$/;
const NAMESPACE = /^\/api\/v1\/namespaces\/([^/]+)$/;

/**
 * An API server in this process, as far as discovery needs one, and faithful where it matters: versions, selectors,
 * watches that go on from a version, history that expires. And everything that goes wrong with one, on command.
 */
export class ApiServer {
  readonly cluster = new Cluster();
  /** Every request so far. */
  readonly seen: Seen[] = [];
  /** The bearer token that is accepted; `undefined`: anyone may ask. */
  token: string | undefined;
  /** What stands before `/api`. */
  basePath = '';
  /** Takes what is sent apart: each piece is written by itself. */
  pieces: ((text: Buffer) => readonly Buffer[]) | undefined;
  /** How the end of history is told: as the real one does, in the stream, or by the status. */
  goneAs: 'event' | 'status' = 'event';
  /** What becomes of each new watch. */
  watches: 'stay' | 'end at once' | 'answer at once' | 'expire' = 'stay';
  readonly #interferences: Interference[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #server: Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  #front!: Front;
  #port = 0;
  readonly #tls: boolean;

  private constructor(tls: boolean) {
    this.#tls = tls;
    const handler = (request: Request, response: Response): void => this.#handle(request, response);
    if (tls) {
      const server = createSecureServer(
        {
          cert: fixture('api-server.pem'),
          key: fixture('api-server-key.pem'),
          ca: fixture('ca.pem'),
          requestCert: true,
          rejectUnauthorized: false,
          allowHTTP1: true,
        },
        handler,
      );
      server.on('session', (session) => {
        this.#sessions.add(session);
        session.on('error', () => {});
        session.on('close', () => this.#sessions.delete(session));
      });
      server.on('sessionError', () => {});
      server.on('tlsClientError', () => {});
      this.#server = server;
    } else this.#server = createServer(handler);
  }

  static async start({ tls = true } = {}): Promise<ApiServer> {
    const self = new ApiServer(tls);
    await new Promise<void>((resolve) => self.#server.listen(0, '127.0.0.1', resolve));
    self.#front = new Front((self.#server.address() as AddressInfo).port);
    self.#port = await self.#front.listen();
    return self;
  }

  get origin(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  /** Connections: what can be done to them, and how many there are. */
  get front(): Front {
    return this.#front;
  }

  /** Watches that are open now. */
  get open(): number {
    return this.#watchers.size;
  }

  /** What the open watches asked for. */
  get watching(): Seen[] {
    return [...this.#watchers].map(({ seen }) => seen);
  }

  count(verb: Verb, resource?: Resource): number {
    return this.seen.filter((one) => one.verb === verb && (resource ?? one.resource) === one.resource).length;
  }

  /** Answers what matches with `reply`, so many times; until `heal`. A function may let a request pass. */
  interfere(
    match: { readonly verb?: Verb; readonly resource?: Resource; readonly times?: number },
    reply: Interference['reply'],
  ): void {
    this.#interferences.push({
      verb: match.verb,
      resource: match.resource,
      left: match.times ?? Number.POSITIVE_INFINITY,
      reply,
    });
  }

  heal(): void {
    this.#interferences.length = 0;
    this.watches = 'stay';
    this.front.manner = 'pass';
  }

  /** Ends every open watch in order, as the server does when its time is over. */
  endWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.end();
  }

  /** Cuts every open watch off. */
  cutWatches(): void {
    for (const watcher of [...this.#watchers]) watcher.cut();
  }

  /** Sends every watch a bookmark of the current version. */
  bookmark(): void {
    for (const watcher of this.#watchers)
      watcher.write(bookmark(watcher.seen.resource, this.cluster.version));
  }

  /** Sends every watch an event as it is, or a text. */
  event(event: unknown): void {
    const text = typeof event === 'string' ? event : `${JSON.stringify(event)}\n`;
    for (const watcher of this.#watchers) watcher.write(text);
  }

  async close(): Promise<void> {
    this.cutWatches();
    await this.front.close();
    for (const session of this.#sessions) session.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(request: Request, response: Response): void {
    response.on('error', () => {});
    request.on('error', () => {});
    const url = new URL(request.url ?? '/', 'http://api');
    const seen = this.#read(request, url);
    if (seen === undefined) return this.#reply(response, statusOf(404, 'NotFound', `no such path`));
    this.seen.push(seen);
    const denied = this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`;
    if (denied) return this.#reply(response, statusOf(401, 'Unauthorized', 'Unauthorized'));
    const reply = this.#interference(seen);
    if (reply === 'hang') return;
    if (reply !== undefined) return this.#reply(response, reply);
    if (seen.verb === 'get') this.#get(seen, response);
    else if (seen.verb === 'list') this.#list(seen, response);
    else this.#watch(seen, response);
  }

  #read(request: Request, url: URL): Seen | undefined {
    if (!url.pathname.startsWith(`${this.basePath}/`)) return undefined;
    const path = url.pathname.slice(this.basePath.length);
    const base = {
      query: url.searchParams,
      headers: request.headers as IncomingMessage['headers'],
      httpVersion: request.httpVersion,
      client: clientOf(request),
    };
    const [, namespace, resource] = COLLECTION.exec(path) ?? [];
    if (namespace !== undefined) {
      const verb = url.searchParams.get('watch') === '1' ? 'watch' : 'list';
      return { ...base, verb, resource: resource as Resource, namespace, name: undefined };
    }
    const service = SERVICE.exec(path);
    if (service !== null) {
      const [, of = '', name = ''] = service;
      return { ...base, verb: 'get', resource: 'services', namespace: of, name };
    }
    const [, name] = NAMESPACE.exec(path) ?? [];
    return name === undefined
      ? undefined
      : { ...base, verb: 'get', resource: 'namespaces', namespace: '', name };
  }

  #interference(seen: Seen): Reply | 'hang' | undefined {
    for (const one of this.#interferences) {
      if ((one.verb ?? seen.verb) !== seen.verb || (one.resource ?? seen.resource) !== seen.resource)
        continue;
      if (one.left <= 0) continue;
      one.left--;
      const reply = typeof one.reply === 'function' ? one.reply(seen) : one.reply;
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  #get({ resource, namespace, name = '' }: Seen, response: Response): void {
    const found = this.cluster.get(resource, resource === 'namespaces' ? name : namespace, name);
    this.#reply(
      response,
      found === undefined
        ? statusOf(404, 'NotFound', `${resource} "${name}" not found`)
        : { status: 200, body: found },
    );
  }

  #list({ resource, namespace, query }: Seen, response: Response): void {
    const version = query.get('resourceVersion') ?? '';
    if (!/^[0-9]*$/.test(version)) return this.#reply(response, statusOf(400, 'BadRequest', 'Invalid value'));
    if (Number(version) > this.cluster.version) return this.#reply(response, tooLarge(version, this.cluster));
    const items = this.cluster.list(resource, namespace).filter((object) => selects(query, object));
    const metadata = { resourceVersion: String(this.cluster.version) };
    this.#reply(response, { status: 200, body: { kind: 'List', apiVersion: 'v1', metadata, items } });
  }

  #watch(seen: Seen, response: Response): void {
    const from = Number(seen.query.get('resourceVersion'));
    if (!Number.isInteger(from))
      return this.#reply(response, statusOf(500, 'InternalError', 'invalid version'));
    const expired = from < this.cluster.compacted || this.watches === 'expire';
    const gone = statusOf(410, 'Expired', `too old resource version: ${from} (${this.cluster.version})`);
    if (expired && this.goneAs === 'status') return this.#reply(response, gone);
    response.writeHead(200, { 'content-type': 'application/json' });
    const pen = this.#pen(response);
    if (expired) {
      pen.write(`${JSON.stringify({ type: 'ERROR', object: gone.body })}\n`);
      return pen.end();
    }
    if (this.watches === 'end at once') return pen.end();
    if (this.watches === 'answer at once') {
      pen.write(bookmark(seen.resource, this.cluster.version));
      return pen.end();
    }
    if ('flushHeaders' in response) response.flushHeaders();
    const watcher: Watcher = { seen, ...pen, cut: () => cutOff(response) };
    this.#watchers.add(watcher);
    const tell = (changes: readonly Change[]): void => {
      const text = changes.map((change) => eventOf(seen, change)).join('');
      if (text !== '') watcher.write(text);
    };
    // Of a version that is not reached yet, nothing is told until it is.
    const news = (changes: readonly Change[]): void => tell(changes.filter(({ version }) => version > from));
    const off = this.cluster.subscribe(news);
    const seconds = Number(seen.query.get('timeoutSeconds') ?? 1800);
    const timer = setTimeout(() => watcher.end(), seconds * 1000);
    response.on('close', () => {
      off();
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
    news(this.cluster.since(from));
  }

  #reply(response: Response, { status, body, headers }: Reply): void {
    const html = typeof body === 'string';
    response.writeHead(status, { 'content-type': html ? 'text/html' : 'application/json', ...headers });
    const pen = this.#pen(response);
    if (body !== undefined) pen.write(html ? body : JSON.stringify(body));
    pen.end();
  }

  /** Writes in order, in pieces if wanted. */
  #pen(response: Response): Pick<Watcher, 'write' | 'end'> {
    const stream = response as ServerResponse;
    let last = Promise.resolve();
    if (this.pieces === undefined)
      return { write: (text) => void stream.write(text), end: () => void stream.end() };
    const { pieces } = this;
    return {
      write: (text) => {
        last = last.then(async () => {
          for (const piece of pieces(Buffer.from(text))) {
            stream.write(piece);
            await new Promise((resolve) => setImmediate(resolve));
          }
        });
      },
      end: () => void last.then(() => stream.end()),
    };
  }
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

function tooLarge(version: string, cluster: Cluster): Reply {
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
function eventOf(
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

function clientOf(request: Request): string | undefined {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  const name: unknown = (socket as TLSSocket | undefined)?.getPeerCertificate?.()?.subject?.CN;
  return typeof name === 'string' ? name : undefined;
}

function cutOff(response: Response): void {
  if ('stream' in response) response.stream.destroy(new Error('cut'));
  else response.destroy();
}
