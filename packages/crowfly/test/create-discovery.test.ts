import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createDiscovery, type Discovery } from 'crowfly';

async function serve(name: string): Promise<Server> {
  const server = createServer((request, response) =>
    response.end(`${name} ${request.headers.host}${request.url}`),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const origin = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

describe('createDiscovery', () => {
  let servers: Server[];
  let discovery: Discovery | undefined;

  beforeEach(async () => {
    servers = await Promise.all(['a', 'b', 'c'].map(serve));
  });

  afterEach(async () => {
    await discovery?.close();
    await Promise.all(servers.map(stop));
  });

  const open = (): Discovery => {
    discovery = createDiscovery({ services: { orders: { url: servers.map(origin) } }, logger: false });
    return discovery;
  };

  it('calls a service by its name, and leaves the URL and the Host header as they were written', async () => {
    const response = await open().fetch('http://orders/v1/42');
    expect(response).to.be.instanceOf(Response);
    expect(response.url).to.equal('http://orders/v1/42');
    expect(await response.text()).to.match(/^[abc] orders\/v1\/42$/);
  });

  it('reaches every instance', async () => {
    const fetch = open().fetch;
    const seen = new Set<string>();
    for (let call = 0; call < 100 && seen.size < 3; call++)
      seen.add((await (await fetch('http://orders/')).text())[0] ?? '');
    expect([...seen]).to.have.members(['a', 'b', 'c']);
  });

  it('goes on without a failure when an instance dies, and leaves it out', async () => {
    const { fetch, explain } = open();
    await (await fetch('http://orders/')).text();
    const [dead] = servers.splice(0, 1) as [Server];
    await stop(dead);
    for (let call = 0; call < 30; call++)
      expect(await (await fetch('http://orders/')).text()).to.match(/^[bc] /);
    const { instances } = await discovery!.explain('orders');
    expect(instances.map(({ state }) => state).sort()).to.deep.equal(['ejected', 'eligible', 'eligible']);
    expect(explain).to.be.a('function');
  });

  it('passes a URL that names no service to the built-in fetch', async () => {
    const response = await open().fetch(`${origin(servers[0] as Server)}/direct`);
    expect(await response.text()).to.match(/^a 127\.0\.0\.1:\d+\/direct$/);
  });

  it('keeps several discoveries in one process apart', async () => {
    open();
    const other = createDiscovery({
      services: { orders: { url: origin(servers[2] as Server) } },
      logger: false,
    });
    try {
      expect(await (await other.fetch('http://orders/')).text()).to.match(/^c /);
      await other.close();
      expect((await discovery!.fetch('http://orders/')).status).to.equal(200);
    } finally {
      await other.close();
    }
  });

  it('follows CROWFLY_ORDERS on a laptop, over any registry', async () => {
    discovery = createDiscovery({ env: { CROWFLY_ORDERS: origin(servers[1] as Server) }, logger: false });
    expect(await (await discovery.fetch('http://orders/')).text()).to.match(/^b orders\//);
  });
});
