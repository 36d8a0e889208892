import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Pool } from 'undici';
import { until } from './support/servers.ts';

const program = fileURLToPath(new URL('support/leaving-process.mjs', import.meta.url));

class Service {
  readonly said: unknown[] = [];
  readonly exit: Promise<[code: number | null, signal: string | null]>;
  readonly child: ChildProcess;
  output = '';

  constructor(options: object) {
    this.child = fork(program, [JSON.stringify(options)], { stdio: 'pipe' });
    this.child.on('message', (message) => this.said.push(message));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
    this.exit = once(this.child, 'exit') as never;
  }

  async says(what: unknown): Promise<void> {
    await until(() => this.said.includes(what) || this.child.exitCode !== null);
    expect(this.said, this.output).to.include(what);
  }

  async port(): Promise<number> {
    await until(() => this.said.length > 0);
    return this.said[0] as number;
  }
}

describe('a process with gracefulShutdown', function () {
  this.timeout(30_000);
  const services: Service[] = [];
  const start = (options: object = {}): Service => {
    const service = new Service(options);
    services.push(service);
    return service;
  };
  afterEach(() => {
    for (const { child } of services.splice(0)) child.kill('SIGKILL');
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends with exit code 0 after ${signal}, by itself`, async () => {
      const service = start({ delayMs: 50 });
      await service.port();
      service.child.kill(signal);
      expect(await service.exit).to.deep.equal([0, null]);
      expect(service.said.slice(1)).to.deep.equal(['draining', 'closed']);
      expect(service.output).to.equal(`crowfly: ${signal}: serving for another 50 ms, then closing\n`);
    });
  }

  it('ends even when something keeps it alive, with the exit code 0', async () => {
    const service = start({ delayMs: 0, linger: true });
    await service.port();
    service.child.kill('SIGTERM');
    expect(await service.exit).to.deep.equal([0, null]);
    expect(service.said).to.include('closed');
  });

  it('with exit: false is left to end when nothing keeps it alive', async () => {
    const service = start({ delayMs: 0, exit: false, linger: true });
    await service.port();
    service.child.kill('SIGTERM');
    await service.says('closed');
    // Nobody catches the signals any more, so the next one ends it as it ends any process.
    while (service.child.signalCode === null) {
      service.child.kill('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await service.exit).to.deep.equal([null, 'SIGTERM']);
  });

  it('is bounded by delayMs + closeMs when an answer never ends', async () => {
    const service = start({ delayMs: 50, closeMs: 100 });
    const socket = connect(await service.port(), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /stream HTTP/1.1\r\nHost: orders\r\n\r\n');
    await once(socket, 'data');
    service.child.kill('SIGTERM');
    expect(await service.exit).to.deep.equal([0, null]);
    expect(service.output).to.match(
      /^crowfly: 1 connections were still in use 150 ms after SIGTERM, and were cut/m,
    );
  });

  it('ends at once at a second signal, as by that signal', async () => {
    const service = start({ delayMs: 100_000 });
    await service.port();
    service.child.kill('SIGTERM');
    await service.says('draining');
    service.child.kill('SIGINT');
    expect(await service.exit).to.deep.equal([130, null]);
    expect(service.said).not.to.include('closed');
  });

  it('loses no request of clients that learn of it while it drains, whatever they keep open', async () => {
    const [old, next] = [start({ delayMs: 50, held: true }), start({})];
    const ports = [await old.port(), await next.port()] as const;
    const failures: string[] = [];
    let leftAt: number | undefined;
    const moved = new Set<number>();
    let answered = 0;
    let done = false;

    const callers = [nodeHttp, undiciPool, builtInFetch].flatMap((create) => [create(), create(), create()]);
    const running = callers.map(async ({ name, call, close }, index) => {
      while (!done) {
        // Each learns at a time of its own.
        const learned = leftAt !== undefined && performance.now() - leftAt > 40 * index;
        if (learned) moved.add(index);
        try {
          await call(ports[learned ? 1 : 0]);
          answered++;
        } catch (error) {
          failures.push(`${name}: ${error} ${(error as Error).cause ?? ''}`);
        }
        await new Promise((resolve) => setTimeout(resolve, index));
      }
      await close();
    });
    await until(() => answered > 200);
    old.child.kill('SIGTERM');
    await old.says('draining');
    leftAt = performance.now();
    await until(() => moved.size === callers.length);
    old.child.send('learned');
    expect(await old.exit).to.deep.equal([0, null]);
    const then = answered;
    await until(() => answered > then + 50);
    done = true;
    await Promise.all(running);
    expect(failures).to.deep.equal([]);
    expect(old.output).not.to.include('cut');
  });
});

interface Caller {
  readonly name: string;
  call(port: number): Promise<unknown>;
  close(): unknown;
}

function nodeHttp(): Caller {
  const agent = new Agent({ keepAlive: true });
  return {
    name: 'node:http',
    call: (port) =>
      new Promise((resolve, reject) => {
        const sent = request({ port, host: '127.0.0.1', agent, method: 'POST' }, (response) => {
          response.resume().on('end', resolve).on('error', reject);
        });
        sent.on('error', reject).end('body');
      }),
    close: () => agent.destroy(),
  };
}

function undiciPool(): Caller {
  const pools = new Map<number, Pool>();
  return {
    name: 'undici',
    async call(port) {
      const pool = pools.get(port) ?? new Pool(`http://127.0.0.1:${port}`);
      pools.set(port, pool);
      const { body } = await pool.request({ path: '/', method: 'POST', body: 'body' });
      return body.text();
    },
    close: () => Promise.all([...pools.values()].map((pool) => pool.destroy())),
  };
}

function builtInFetch(): Caller {
  return {
    name: 'fetch',
    call: async (port) => (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'body' })).text(),
    close() {},
  };
}
