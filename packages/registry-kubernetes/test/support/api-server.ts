import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { type Change, Cluster, type Resource, selects } from './cluster.ts';
import { Front } from './front.ts';
import { bookmark, eventOf, type Reply, statusOf, tooLarge } from './replies.ts';
import { readRequest, type Seen, type Verb } from './requests.ts';

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const fixture = (name: string): Buffer => readFileSync(fixturePath(name));

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
  #connections = 0;
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
    this.#server.on('connection', (socket) => {
      this.#connections++;
      socket.on('close', () => this.#connections--);
    });
  }

  /** Connections on which a request can still arrive. */
  get connections(): number {
    return this.#connections + this.front.open;
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
    const seen = readRequest(request, this.basePath);
    if (seen !== undefined) this.seen.push(seen);
    const reply = seen === undefined ? statusOf(404, 'NotFound', 'no such path') : this.#answer(seen);
    if (reply === 'hang') return;
    if (reply !== 'watch') this.#send(response, reply);
    else if (seen !== undefined) this.#watch(seen, response);
  }

  #answer(seen: Seen): Reply | 'hang' | 'watch' {
    if (this.token !== undefined && seen.headers.authorization !== `Bearer ${this.token}`)
      return statusOf(401, 'Unauthorized', 'Unauthorized');
    const interference = this.#interference(seen);
    if (interference !== undefined) return interference;
    if (seen.verb === 'get') return this.#get(seen);
    return seen.verb === 'list' ? this.#list(seen) : this.#beginWatch(seen);
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

  #get({ resource, namespace, name = '' }: Seen): Reply {
    const found = this.cluster.get(resource, namespace, name);
    if (found === undefined) return statusOf(404, 'NotFound', `${resource} "${name}" not found`);
    return { status: 200, body: found };
  }

  #list({ resource, namespace, query }: Seen): Reply {
    const version = query.get('resourceVersion') ?? '';
    if (!/^[0-9]*$/.test(version)) return statusOf(400, 'BadRequest', 'Invalid value');
    if (Number(version) > this.cluster.version) return tooLarge(version, this.cluster);
    const items = this.cluster.list(resource, namespace).filter((object) => selects(query, object));
    const metadata = { resourceVersion: String(this.cluster.version) };
    return { status: 200, body: { kind: 'List', apiVersion: 'v1', metadata, items } };
  }

  #beginWatch({ resource, query }: Seen): Reply | 'watch' {
    const from = Number(query.get('resourceVersion'));
    if (!Number.isInteger(from)) return statusOf(500, 'InternalError', 'invalid version');
    if (this.watches === 'end at once') return { status: 200 };
    if (this.watches === 'answer at once')
      return { status: 200, body: bookmark(resource, this.cluster.version) };
    if (from >= this.cluster.compacted && this.watches !== 'expire') return 'watch';
    const gone = statusOf(410, 'Expired', `too old resource version: ${from} (${this.cluster.version})`);
    if (this.goneAs === 'status') return gone;
    return { status: 200, body: `${JSON.stringify({ type: 'ERROR', object: gone.body })}\n` };
  }

  #watch(seen: Seen, response: Response): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    if ('flushHeaders' in response) response.flushHeaders();
    const watcher: Watcher = { seen, ...this.#pen(response), cut: () => cutOff(response) };
    this.#watchers.add(watcher);
    const from = Number(seen.query.get('resourceVersion'));
    // Of a version that is not reached yet, nothing is told until it is.
    const tell = (changes: readonly Change[]): void => {
      const news = changes.filter(({ version }) => version > from);
      const text = news.map((change) => eventOf(seen, change)).join('');
      if (text !== '') watcher.write(text);
    };
    const off = this.cluster.subscribe(tell);
    const seconds = Number(seen.query.get('timeoutSeconds') ?? 1800);
    const timer = setTimeout(() => watcher.end(), seconds * 1000);
    response.on('close', () => {
      off();
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
    tell(this.cluster.since(from));
  }

  #send(response: Response, { status, body, headers }: Reply): void {
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
      end: () => {
        if (this.pieces === undefined) stream.end();
        else void last.then(() => stream.end());
      },
    };
  }
}

function cutOff(response: Response): void {
  if ('stream' in response) response.stream.destroy(new Error('cut'));
  else response.destroy();
}
