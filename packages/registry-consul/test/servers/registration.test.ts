import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Consul, requireConsul, TcpProxy, until } from '@crowfly/servers';
import { expect } from 'chai';
import {
  createDiscovery,
  type Discovery,
  type DiscoveryOptions,
  isCrowflyError,
  type RegisterOptions,
} from 'crowfly';
import { type ConsulOptions, consul } from '../../dist/index.js';

const HOST = '127.0.0.1';

describe('registration on a real agent', () => {
  let agent: Consul;
  let open: Discovery[] = [];
  before(async function () {
    agent = await requireConsul(this);
  });
  after(() => agent?.close());
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    open = [];
  });

  const discovery = (options: ConsulOptions = {}, more: DiscoveryOptions = {}): Discovery => {
    const made = createDiscovery({
      registry: consul({ address: agent.origin, ...options }),
      env: false,
      logger: false,
      ...more,
    });
    open.push(made);
    return made;
  };
  const seen = async (from: Discovery, service: string): Promise<readonly string[]> =>
    (await from.instances(service)).map(({ name = '', state }) => `${name} ${state}`);

  it('is found by another process’s discovery as it was given, and by its own', async () => {
    const [one, two] = [discovery(), discovery()];
    const registration = one.register({
      service: 'round-trip',
      host: HOST,
      port: 8081,
      id: 'rt-1',
      zone: 'z1',
      version: '2.1',
      weight: 7,
      tags: ['v2', 'Canary'],
      metadata: { team: 'shop' },
    });
    await registration.ready();
    for (const from of [one, two]) {
      await until('it to be found', async () => (await from.instances('round-trip')).length === 1);
      const [found] = await from.instances('round-trip');
      expect(found).to.include({
        host: HOST,
        port: 8081,
        zone: 'z1',
        weight: 7,
        name: 'rt-1',
        state: 'ready',
      });
      expect({ ...found?.metadata }).to.deep.equal({
        team: 'shop',
        zone: 'z1',
        version: '2.1',
        tags: 'v2,Canary',
      });
      expect(await from.instances('canary.round-trip')).to.have.length(1);
      expect(await from.instances('v3.round-trip')).to.have.length(0);
    }
    await registration.close();
    await until('it to be gone', async () => (await agent.services())['rt-1'] === undefined);
  });

  it('drains: out of rotation but known, then gone', async () => {
    const [one, two] = [discovery(), discovery()];
    const first = one.register({ service: 'drains', host: HOST, port: 8081, id: 'd-1', propagationMs: 50 });
    const second = one.register({ service: 'drains', host: HOST, port: 8082, id: 'd-2' });
    await Promise.all([first.ready(), second.ready()]);
    await until('both', async () => (await two.instances('drains')).length === 2);
    await first.drain();
    await until('one to drain', async () => (await seen(two, 'drains')).includes('d-1 draining'));
    expect(await seen(two, 'drains')).to.include('d-2 ready');
    const health = await agent.api.call<unknown[]>('GET', '/v1/health/service/drains?passing');
    expect(health, 'everyone else sees it out of rotation').to.have.length(1);
    await first.close();
    await until('one', async () => (await seen(two, 'drains')).join() === 'd-2 ready');
  });

  it('is there again within one heartbeat after the agent was restarted with an empty memory', async function () {
    this.timeout(30_000);
    const one = discovery();
    const options: RegisterOptions = {
      service: 'forgotten',
      host: HOST,
      port: 8081,
      check: { ttlMs: 3_000 },
    };
    const registrations = [
      one.register(options),
      one.register({ ...options, port: 8082, check: { tcp: true } }),
    ];
    await Promise.all(registrations.map((registration) => registration.ready()));
    const again: boolean[] = [];
    one.on('registered', (event) => again.push(event.again));
    await agent.restart();
    await until('both to be back', async () => Object.keys(await agent.services()).length === 2, {
      withinMs: 15_000,
    });
    expect(again).to.deep.equal([true, true]);
    await until('state', () => registrations.every(({ state }) => state === 'registered'));
  });

  it('waits for an agent that is down at the start, and the process starts all the same', async function () {
    this.timeout(60_000);
    const proxy = await TcpProxy.to({ port: agent.ports.http });
    await proxy.refuse();
    const one = discovery({ address: `${HOST}:${proxy.port}` });
    const registration = one.register({ service: 'late', host: HOST, port: 8081 });
    await until('an error', () => registration.error !== undefined);
    expect(registration.state).to.equal('registering');
    expect(String(registration.error)).to.contain('nothing listens at');
    await proxy.accept();
    await registration.ready({ timeoutMs: 20_000 });
    await one.close();
    await proxy.close();
  });

  it('turns critical without heartbeats, and says what the instance says of its health', async function () {
    this.timeout(20_000);
    const one = discovery();
    let health: 'passing' | 'warning' | 'critical' = 'warning';
    const options = { service: 'ill', host: HOST, port: 8081, id: 'ill-1', check: { ttlMs: 1_500 } };
    await one.register({ ...options, health: () => health }).ready();
    const status = async (): Promise<string | undefined> => (await agent.checks())['service:ill-1']?.Status;
    expect(await status()).to.equal('warning');
    expect(await discovery().instances('ill')).to.have.length(0);
    expect(await discovery({ warnings: true }).instances('ill')).to.have.length(1);
    health = 'passing';
    await until('passing', async () => (await status()) === 'passing');
    health = 'critical';
    await until('critical', async () => (await status()) === 'critical');
  });

  it('may be checked by Consul over HTTP and TCP', async function () {
    this.timeout(30_000);
    let status = 200;
    const server = await listening((_, answer) => answer.writeHead(status).end());
    const { port } = server.address() as AddressInfo;
    const one = discovery();
    const times = { intervalMs: 1_000, timeoutMs: 500 };
    one.register({
      service: 'checked',
      host: HOST,
      port,
      id: 'c-http',
      check: { http: '/health', ...times },
    });
    one.register({ service: 'checked', host: HOST, port, id: 'c-tcp', check: { tcp: true, ...times } });
    const two = discovery();
    await until('both', async () => (await two.instances('checked')).length === 2, { withinMs: 10_000 });
    status = 500;
    await until('one', async () => (await seen(two, 'checked')).join() === 'c-tcp ready', {
      withinMs: 10_000,
    });
    await new Promise((resolve) => server.close(resolve));
  });

  it('refuses an id that another process holds, in words', async () => {
    const [one, two] = [discovery(), discovery()];
    await one.register({ service: 'twins', host: HOST, port: 8081, id: 'twin' }).ready();
    const second = two.register({ service: 'twins', host: HOST, port: 8082, id: 'twin' });
    const refused = await second.ready().catch((error: unknown) => error);
    expect(isCrowflyError(refused, 'bad-option'), String(refused)).to.equal(true);
    expect(String(refused)).to.contain("'twin' is registered at 127.0.0.1:8081 already");
    await second.close();
    expect((await agent.services()).twin?.Port, 'the first one is untouched').to.equal(8081);
  });

  it('holds a hundred of them, each by itself', async function () {
    this.timeout(60_000);
    const one = discovery();
    const many = Array.from({ length: 100 }, (_, index) =>
      one.register({ service: 'many', host: HOST, port: 9000 + index, check: { ttlMs: 3_000 } }),
    );
    await Promise.all(many.map((registration) => registration.ready({ timeoutMs: 30_000 })));
    await Promise.all(many.slice(0, 50).map((registration) => registration.close()));
    const two = discovery();
    await until('fifty', async () => (await two.instances('many')).length === 50);
    await one.close();
    await until('none', async () => Object.keys(await agent.services()).length === 0);
  });

  it('moves to the next agent when its own does not answer, and leaves nothing behind', async function () {
    this.timeout(60_000);
    const other = await requireConsul(this, { datacenter: 'dc2' });
    const proxy = await TcpProxy.to({ port: agent.ports.http });
    try {
      const one = discovery({ address: [`${HOST}:${proxy.port}`, other.origin] });
      const registration = one.register({
        service: 'moves',
        host: HOST,
        port: 8081,
        id: 'm-1',
        check: { ttlMs: 3_000 },
      });
      await registration.ready();
      await proxy.refuse();
      proxy.reset();
      await until('it to be at the other', async () => (await other.services())['m-1'] !== undefined, {
        withinMs: 15_000,
      });
      await proxy.accept();
      await until('the first to be rid of it', async () => (await agent.services())['m-1'] === undefined, {
        withinMs: 15_000,
      });
      await registration.close();
      expect((await other.services())['m-1']).to.equal(undefined);
    } finally {
      await proxy.close();
      await other.close();
    }
  });
});

describe('registration with rights', () => {
  let agent: Consul;
  before(async function () {
    agent = await requireConsul(this, { acl: true });
  });
  after(() => agent?.close());

  it('names the rule that is missing, and registers as soon as it is granted', async function () {
    this.timeout(30_000);
    await agent.putPolicy('own', 'node_prefix "" { policy = "read" }');
    const { secret } = await agent.createToken('own');
    const one = createDiscovery({
      registry: consul({ address: agent.origin, token: secret }),
      env: false,
      logger: false,
    });
    const registration = one.register({ service: 'orders', host: HOST, port: 8081 });
    const refused = await registration.ready().catch((error: unknown) => error);
    expect(isCrowflyError(refused, 'denied'), String(refused)).to.equal(true);
    expect(String(refused)).to.contain('service "orders" { policy = "write" }').and.not.to.contain(secret);
    await agent.putPolicy('own', 'service "orders" { policy = "write" } node_prefix "" { policy = "read" }');
    await until('it to be registered', () => registration.state === 'registered', { withinMs: 15_000 });
    await one.close();
  });
});

function listening(handler: Parameters<typeof createServer>[1]): Promise<Server> {
  const server = createServer(handler as never);
  return new Promise((resolve) => server.listen(0, HOST, () => resolve(server)));
}
