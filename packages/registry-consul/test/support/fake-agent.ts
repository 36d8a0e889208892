import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { DRAINING } from '../../dist/parse.js';

/** An instance as the fake keeps it. */
export interface FakeService {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly tags?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly weights?: { readonly Passing: number; readonly Warning: number };
  /** Of its check; default `passing`. */
  status?: string;
  draining?: boolean;
}

export type Mood = 'well' | 'down' | 'denies' | 'hangs' | 'no json' | 'answers at once' | 'closes at once';

/**
 * As much of a Consul agent as the adapter talks to, in memory: for what no real agent does, and for machines without one.
 * The tests in test/servers hold the adapter to a real one.
 */
export class FakeAgent {
  readonly requests: { readonly method: string; readonly path: string; readonly body: unknown }[] = [];
  readonly services = new Map<string, FakeService>();
  /** Further entries of health answers, by service: anything at all. */
  readonly strange = new Map<string, readonly unknown[]>();
  token: string | undefined;
  /** Queries that do not wait say that rights hid something. */
  filtered = false;
  mood: Mood = 'well';
  index = 10;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (this.mood === 'closes at once') socket.destroy();
    });
  }

  static async start(): Promise<FakeAgent> {
    const agent = new FakeAgent();
    await new Promise<void>((resolve) => agent.#server.listen(0, '127.0.0.1', resolve));
    return agent;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(...services: readonly FakeService[]): void {
    for (const service of services) this.services.set(service.id, service);
    this.changed();
  }

  remove(id: string): void {
    this.services.delete(id);
    this.changed();
  }

  /** Wakes every query that waits. */
  changed(index = this.index + 1): void {
    this.index = index;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Ends every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  be(mood: Mood): void {
    this.mood = mood;
    if (mood !== 'hangs') this.cut();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  of(path: string): readonly { readonly method: string; readonly path: string; readonly body: unknown }[] {
    return this.requests.filter((one) => one.path.startsWith(path));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://agent');
    const text = await bodyOf(request);
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.requests.push({ method: request.method ?? '', path: request.url ?? '', body });
    if (this.mood === 'hangs') return;
    if (this.mood === 'down') return void request.socket.destroy();
    const allowed = this.token === undefined || request.headers['x-consul-token'] === this.token;
    if (this.mood === 'denies' || !allowed)
      return end(response, 403, allowed ? 'Permission denied' : 'ACL not found');
    if (this.mood === 'no json') return end(response, 200, '<html>a proxy</html>');
    const [, , kind, ...path] = url.pathname.split('/').map(decodeURIComponent);
    if (kind === 'status') return end(response, 200, '"127.0.0.1:8300"');
    if (kind === 'health') return this.#health(path[1] ?? '', url.searchParams, request, response);
    if (kind === 'agent') return this.#agent(path, url.searchParams, body as Registered, response);
    end(response, 404, '');
  }

  async #health(
    name: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const index = Number(query.get('index') ?? 0);
    if (index > 0 && index >= this.index && this.mood === 'well') await this.#change(query, request);
    if (request.socket.destroyed) return;
    const entries = [...this.services.values()].filter((one) => one.name === name).map(entryOf);
    response.setHeader('x-consul-index', String(this.index));
    if (this.filtered && index === 0) response.setHeader('x-consul-results-filtered-by-acls', 'true');
    const hidden = this.filtered ? [] : entries;
    end(response, 200, JSON.stringify([...hidden, ...(this.strange.get(name) ?? [])]));
  }

  /** Until something changes, the wait is over, or the client has gone. */
  #change(query: URLSearchParams, request: IncomingMessage): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Number.parseInt(query.get('wait') ?? '1000', 10));
      timer.unref();
      this.#waiting.add(wake);
      request.socket.once('close', wake);
    });
  }

  #agent(path: readonly string[], query: URLSearchParams, body: Registered, response: ServerResponse): void {
    const [what = '', verb = '', id = ''] = path;
    if (what === 'checks')
      return void end(response, 200, JSON.stringify(this.#checks(query.get('filter') ?? '')));
    if (what === 'check') {
      const service = this.services.get(id.replace(/^service:/, ''));
      if (service === undefined) return void end(response, 404, `Unknown check ID "${id}"`);
      service.status = body.Status ?? 'passing';
    } else if (verb === 'register') {
      this.services.set(body.ID, {
        name: body.Name,
        id: body.ID,
        address: body.Address,
        port: body.Port,
        tags: body.Tags,
        meta: body.Meta,
        weights: body.Weights,
        status: body.Check.Status,
      });
    } else if (verb === 'maintenance') {
      const service = this.services.get(id);
      if (service === undefined) return void end(response, 404, `Unknown service ID "${id}"`);
      service.draining = query.get('enable') === 'true' && query.get('reason') === DRAINING;
    } else if (verb === 'deregister') {
      if (!this.services.delete(id)) return void end(response, 404, `Unknown service ID "${id}"`);
    } else {
      const service = this.services.get(verb);
      if (service === undefined) return void end(response, 404, `unknown service ID: ${verb}`);
      return void end(
        response,
        200,
        JSON.stringify({ ID: verb, Address: service.address, Port: service.port }),
      );
    }
    this.changed();
    end(response, 200, '');
  }

  #checks(filter: string): object {
    const id = /"(.*)"/.exec(filter)?.[1] ?? '';
    const service = this.services.get(id);
    return service === undefined ? {} : { [`service:${id}`]: { Status: service.status ?? 'passing' } };
  }
}

interface Registered {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly Check: { readonly Status: string };
  readonly Status?: string;
}

/** As `/v1/health/service/:name` has it. */
export function entryOf(service: FakeService): object {
  const { id, name, address, port, tags = [], meta = {}, weights = { Passing: 1, Warning: 1 } } = service;
  const maintenance = { CheckID: `_service_maintenance:${id}`, Status: 'critical', Notes: DRAINING };
  return {
    Node: { ID: 'n', Node: 'node-1', Address: '10.0.0.1', Datacenter: 'dc1', TaggedAddresses: {}, Meta: {} },
    Service: {
      ID: id,
      Service: name,
      Address: address,
      Port: port,
      Tags: tags,
      Meta: meta,
      Weights: weights,
    },
    Checks: [
      { CheckID: 'serfHealth', Status: 'passing' },
      { CheckID: `service:${id}`, Status: service.status ?? 'passing' },
      ...(service.draining ? [maintenance] : []),
    ],
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(text);
}
