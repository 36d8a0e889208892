import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What an agent answers. */
export interface Reply {
  readonly entries?: readonly object[];
  readonly index?: number;
  readonly filtered?: boolean;
  /** Default 200. */
  readonly status?: number;
  /** Instead of entries. */
  readonly text?: string;
}

/** A query that waits until the test answers it. */
export interface Waiting {
  readonly service: string;
  readonly query: URLSearchParams;
  answer(reply: Reply): void;
  /** Whether its client is still there. */
  readonly open: boolean;
}

/** An agent that does exactly what a test says: each query that waits is answered by hand. */
export class ScriptedAgent {
  /** Path and query of everything that was asked, in order. */
  readonly asked: string[] = [];
  readonly waiting: Waiting[] = [];
  /** What questions get that do not wait. */
  now: Reply = { entries: [], index: 10 };
  /** What `/v1/status/leader` gets; `undefined`: no answer. */
  pulse: Reply | undefined = { text: '"127.0.0.1:8300"' };
  /** Queries that wait are answered at once with this. */
  atOnce: Reply | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<ScriptedAgent> {
    const agent = new ScriptedAgent();
    await new Promise<void>((resolve) => agent.#server.listen(0, '127.0.0.1', resolve));
    return agent;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Health queries that did not wait, and those that did. */
  get questions(): readonly string[] {
    return this.asked.filter((path) => path.startsWith('/v1/health/') && !path.includes('index='));
  }

  get waits(): readonly string[] {
    return this.asked.filter((path) => path.includes('index='));
  }

  /** Connections end, and no new one is taken. */
  async down(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  close(): Promise<void> {
    return this.#server.listening ? this.down() : Promise.resolve();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://agent');
    this.asked.push(request.url ?? '');
    if (url.pathname === '/v1/status/leader') {
      if (this.pulse !== undefined) send(response, this.pulse);
      return;
    }
    const atOnce = url.searchParams.has('index') ? this.atOnce : this.now;
    if (atOnce !== undefined) {
      send(response, atOnce);
      return;
    }
    this.waiting.push({
      service: decodeURIComponent(url.pathname.split('/')[4] ?? ''),
      query: url.searchParams,
      answer: (reply) => send(response, reply),
      get open() {
        return !response.destroyed && !response.writableEnded;
      },
    });
  }
}

function send(response: ServerResponse, { entries = [], index, filtered, status = 200, text }: Reply): void {
  if (index !== undefined) response.setHeader('x-consul-index', String(index));
  if (filtered !== undefined) response.setHeader('x-consul-results-filtered-by-acls', String(filtered));
  response.writeHead(status).end(text ?? JSON.stringify(entries));
}

/** Instances as a health answer has them, by the last number of their address. */
export function entries(...numbers: readonly number[]): readonly object[] {
  return numbers.map((number) => ({
    Node: { Node: 'node-1', Address: '10.9.9.9' },
    Service: { ID: `o-${number}`, Service: 'orders', Address: `10.0.0.${number}`, Port: 8080 },
    Checks: [{ CheckID: 'serfHealth', Status: 'passing' }],
  }));
}
