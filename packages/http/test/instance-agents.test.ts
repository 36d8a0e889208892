import { createServer, get, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Engine, Events, Route } from '@crowfly/core';
import { isCrowflyError } from '@crowfly/core';
import { InstanceAgents } from '@crowfly/http';
import { expect } from 'chai';

describe('InstanceAgents', () => {
  const servers: Server[] = [];
  const listeners = new Set<(event: Events['left']) => void>();
  const engine = {
    on(_: string, listener: (event: Events['left']) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as Pick<Engine, 'on'>;
  let agents: InstanceAgents;

  beforeEach(() => {
    agents = new InstanceAgents(engine);
  });
  afterEach(async () => {
    await agents.close();
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  async function serve(
    listener: RequestListener,
  ): Promise<{ server: Server; endpoint: Events['left']['endpoint'] }> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { server, endpoint: { id: `i${port}`, host: '127.0.0.1', port } };
  }

  const route = (scheme: Route['scheme'] = 'http', hostname = 'orders'): Route => ({
    scheme,
    hostname,
    authority: hostname,
    service: 'orders',
  });

  const leave = (endpoint: Events['left']['endpoint']): void => {
    for (const listener of listeners) listener({ service: 'orders', registry: 'test', endpoint });
  };

  function request(agent: ReturnType<InstanceAgents['get']>, url = 'http://orders:81/'): Promise<string> {
    return new Promise((resolve, reject) => {
      get(url, { agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part) => {
          body += part;
        });
        response.on('end', () => resolve(body));
        response.on('error', reject);
      }).on('error', reject);
    });
  }

  const connections = (server: Server): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );

  async function until(holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('connect to the instance whatever host a request names, and keep the connection', async () => {
    const { server, endpoint } = await serve((incoming, response) => response.end(incoming.headers.host));
    const agent = agents.get(route(), endpoint);
    expect(await request(agent)).to.equal('orders:81');
    expect(await request(agent, 'http://other/')).to.equal('other');
    expect(await connections(server)).to.equal(1);
  });

  it('there is one per instance and identity', async () => {
    const { endpoint } = await serve((_, response) => response.end());
    const plain = agents.get(route(), endpoint);
    expect(agents.get(route('http', 'orders.shop'), endpoint)).to.equal(plain);
    const orders = agents.get(route('https'), endpoint);
    expect(agents.get(route('https'), endpoint)).to.equal(orders);
    expect(agents.get(route(), { ...endpoint, protocol: 'https' })).to.equal(orders);
    expect(agents.get(route('https', 'users'), endpoint)).not.to.equal(orders);
    expect(agents.size).to.equal(3);
  });

  it('an instance that left takes its connections along: idle ones at once, busy ones when they are done', async () => {
    let finish = (): void => {};
    const { server, endpoint } = await serve((incoming, response) => {
      if (incoming.url === '/') return void response.end('quick');
      finish = () => response.end('slow');
    });
    const agent = agents.get(route(), endpoint);
    const slow = request(agent, 'http://orders/slow');
    await request(agent);
    expect(await connections(server)).to.equal(2);
    leave(endpoint);
    await until(async () => (await connections(server)) === 1);
    finish();
    expect(await slow).to.equal('slow');
    await until(async () => (await connections(server)) === 0);
    expect(agents.size).to.equal(0);
  });

  it('close idle connections after a while, before common servers do', async () => {
    agents = new InstanceAgents(engine, { idleMs: 50 });
    const { server, endpoint } = await serve((_, response) => response.end());
    server.keepAliveTimeout = 60_000;
    await request(agents.get(route(), endpoint));
    await until(async () => (await connections(server)) === 0);
  });

  it('a hanging request does not hold up close for long', async () => {
    let arrived = (): void => {};
    const received = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { endpoint } = await serve(() => arrived());
    const hanging = request(agents.get(route(), endpoint)).catch(
      (error: NodeJS.ErrnoException) => error.code,
    );
    await received;
    await agents.close();
    expect(await hanging).to.equal('ECONNRESET');
    try {
      agents.get(route(), endpoint);
      expect.fail('expected an error');
    } catch (error) {
      expect(isCrowflyError(error, 'closed')).to.equal(true);
    }
  });
});
