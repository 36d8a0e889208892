import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Consul, requireConsul, TcpProxy, until } from '@crowfly/servers';
import { expect } from 'chai';
import { createDiscovery, isCrowflyError } from 'crowfly';
import { type ConsulOptions, consul } from '../../dist/index.js';
import { Traffic, Watcher } from './support/watcher.js';

const HOST = '127.0.0.1';

describe('services of a real agent', () => {
  let agent: Consul;
  let open: { close(): Promise<void> }[] = [];
  before(async function () {
    agent = await requireConsul(this, { nodeMeta: { zone: 'node-zone' } });
  });
  after(() => agent?.close());
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    open = [];
  });
  const follow = (service: string, options: ConsulOptions = {}): Watcher => {
    const watcher = new Watcher(service, { address: agent.origin, ...options });
    open.push(watcher);
    return watcher;
  };

  it('come, turn critical and passing, and go', async () => {
    const watcher = follow('basic');
    await watcher.has();
    await agent.register({ name: 'basic', id: 'b-1', address: HOST, port: 8081 });
    await watcher.has('b-1');
    await agent.register({ name: 'basic', id: 'b-2', address: HOST, port: 8082 });
    await watcher.has('b-1', 'b-2');
    await agent.setStatus('b-1', 'critical');
    await watcher.has('b-2');
    await agent.setStatus('b-1', 'passing');
    await watcher.has('b-1', 'b-2');
    await agent.deregister('b-1');
    await watcher.has('b-2');
    await agent.deregister('b-2');
    await watcher.has();
    expect(watcher.sets, 'nothing but the truth in between').to.deep.equal([
      '',
      'b-1',
      'b-1,b-2',
      'b-2',
      'b-1,b-2',
      'b-2',
      '',
    ]);
  });

  it('with a warning are left out, or used with their own weight', async () => {
    const [strict, lenient] = [follow('warns'), follow('warns', { warnings: true })];
    await agent.register({ name: 'warns', id: 'w-1', address: HOST, weights: { passing: 10, warning: 2 } });
    await Promise.all([strict.has('w-1'), lenient.has('w-1')]);
    expect(lenient.endpoints[0]?.weight).to.equal(10);
    await agent.setStatus('w-1', 'warning');
    await strict.has();
    await until('the weight of a warning', () => lenient.endpoints[0]?.weight === 2);
    await agent.setStatus('w-1', 'critical');
    await lenient.has();
    await agent.deregister('w-1');
  });

  it('in maintenance, their own or their node’s, are out', async () => {
    const watcher = follow('mended');
    await agent.register({ name: 'mended', id: 'm-1', address: HOST });
    await watcher.has('m-1');
    await agent.setMaintenance('m-1', true, 'a disk is replaced');
    await watcher.has();
    expect(watcher.problems.at(-1)?.code).to.equal('all-unhealthy');
    await agent.setMaintenance('m-1', false);
    await watcher.has('m-1');
    await agent.setNodeMaintenance(true);
    await watcher.has();
    await agent.setNodeMaintenance(false);
    await watcher.has('m-1');
    await agent.deregister('m-1');
  });

  it('without an address of their own are at their node’s; zones come from either’s metadata', async () => {
    const watcher = follow('placed');
    await agent.register({ name: 'placed', id: 'p-1' });
    await agent.register({ name: 'placed', id: 'p-2', address: '10.0.0.2', meta: { zone: 'own-zone' } });
    await watcher.has('p-1', 'p-2');
    const [first, second] = [...watcher.endpoints].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(first).to.include({ host: HOST, zone: 'node-zone', node: 'node-dc1' });
    expect(second).to.include({ host: '10.0.0.2', zone: 'own-zone' });
    for (const id of ['p-1', 'p-2']) await agent.deregister(id);
  });

  it('are called at a tagged address where one is asked for', async () => {
    const watcher = follow('tagged', { taggedAddress: 'wan' });
    const taggedAddresses = { wan: { address: '203.0.113.7', port: 443 } };
    await agent.register({ name: 'tagged', id: 't-1', address: '10.0.0.1', taggedAddresses });
    await watcher.has('t-1');
    expect(watcher.endpoints[0]).to.include({ host: '203.0.113.7', port: 443 });
    await agent.deregister('t-1');
  });

  it('are found by the names that work in its DNS, by tags, and by a filter', async () => {
    await agent.register({ name: 'named', id: 'n-1', address: HOST, tags: ['V2'], meta: { version: '2' } });
    await agent.register({ name: 'named', id: 'n-2', address: HOST, port: 8082, meta: { version: '1' } });
    const one = createDiscovery({ registry: consul({ address: agent.origin }), env: false, logger: false });
    open.push(one);
    for (const url of [
      'http://named/',
      'http://named.service.consul/',
      'http://NAMED.service.dc1.consul:8500/',
    ])
      expect(one.route(new URL(url))?.service, url).to.match(/^named(@dc1)?$/);
    expect(await one.instances('named.service.consul')).to.have.length(2);
    expect(await one.instances('v2.named.service.consul')).to.have.length(1);
    expect(await one.instances('named@dc1')).to.have.length(2);
    const filtered = follow('named', { filter: 'Service.Meta.version == "1"' });
    await filtered.has('n-2');
    const tagged = follow('named', { tags: ['v2'] });
    await tagged.has('n-1');
    for (const id of ['n-1', 'n-2']) await agent.deregister(id);
  });

  it('that cannot be called cost themselves, and are reported', async () => {
    const watcher = follow('odd');
    await agent.register({ name: 'odd', id: 'o-1', address: HOST, port: 8081 });
    await agent.register({ name: 'odd', id: 'o-2', address: HOST, port: 0 });
    await watcher.has('o-1');
    await until('it to be reported', () => watcher.problems.some(({ code }) => code === 'bad-port'));
    for (const id of ['o-1', 'o-2']) await agent.deregister(id);
  });

  it('that were never registered are not asked for more often while others churn', async () => {
    const traffic = new Traffic(agent.origin);
    const watcher = follow('never');
    await watcher.has();
    for (let round = 0; round < 40; round++) {
      await agent.register({ name: 'churn', id: 'c-1', address: HOST, port: 8000 + round });
    }
    await agent.deregister('c-1');
    const other = follow('other');
    await other.has();
    expect(traffic.of('never').length).to.be.at.most(3);
    expect(watcher.problems.at(-1)?.detail).to.contain('never registered, or all of its instances have left');
    traffic.stop();
  });

  it('that flap twenty times a second are told of in the end, with bounded requests', async function () {
    this.timeout(20_000);
    const traffic = new Traffic(agent.origin);
    await agent.register({ name: 'flaps', id: 'f-1', address: HOST });
    const watcher = follow('flaps');
    await watcher.has('f-1');
    const before = traffic.of('flaps').length;
    const began = performance.now();
    for (let flip = 0; flip < 100; flip++) {
      await agent.setStatus('f-1', flip % 2 === 0 ? 'critical' : 'passing');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await agent.setStatus('f-1', 'warning');
    await watcher.has();
    const seconds = (performance.now() - began) / 1000;
    // A burst of twenty, ten a second, and a question more for each set that is empty.
    expect(traffic.of('flaps').length - before).to.be.at.most(2 * (25 + 10 * seconds));
    await agent.setStatus('f-1', 'passing');
    await watcher.has('f-1');
    await agent.deregister('f-1');
    traffic.stop();
  });

  it('are five hundred at once', async function () {
    this.timeout(60_000);
    const ids = Array.from({ length: 500 }, (_, index) => `big-${index}`);
    const watcher = follow('big');
    for (let from = 0; from < ids.length; from += 50)
      await Promise.all(
        ids
          .slice(from, from + 50)
          .map((id, at) => agent.register({ name: 'big', id, address: HOST, port: 9000 + from + at })),
      );
    await watcher.has(...ids);
    await agent.deregister('big-7');
    await watcher.has(...ids.filter((id) => id !== 'big-7'));
    for (let from = 0; from < ids.length; from += 50)
      await Promise.all(ids.slice(from, from + 50).map((id) => id === 'big-7' || agent.deregister(id)));
    await watcher.has();
  });

  it('are fifty in use over fifty connections and one more', async function () {
    this.timeout(30_000);
    const traffic = new Traffic(agent.origin);
    const one = createDiscovery({ registry: consul({ address: agent.origin }), env: false, logger: false });
    open.push(one);
    const names = Array.from({ length: 50 }, (_, index) => `fifty-${index}`);
    await one.ready(names);
    await until('all to wait', () => traffic.paths.filter((path) => path.includes('index=')).length >= 50);
    expect(traffic.connections).to.be.at.most(51);
    expect(traffic.paths.length, 'one question, and one that waits').to.be.at.most(101);
    traffic.stop();
  });

  it('say what is wrong with an address, a datacenter, a filter', async function () {
    this.timeout(30_000);
    const fails = async (options: ConsulOptions, name = 'orders'): Promise<unknown> => {
      const one = createDiscovery({
        registry: consul({ address: agent.origin, ...options }),
        env: false,
        logger: false,
      });
      open.push(one);
      return one.instances(name).then(
        () => undefined,
        (error: unknown) => error,
      );
    };
    expect(String(await fails({ address: `${HOST}:1` }))).to.contain(`nothing listens at http://${HOST}:1`);
    expect(String(await fails({ datacenter: 'dc9' }))).to.contain("knows no datacenter 'dc9'");
    expect(String(await fails({}, 'orders@dc9'))).to.contain("knows no datacenter 'dc9'");
    const filter = await fails({ filter: 'Service.Meta.version ==' });
    expect(isCrowflyError((filter as Error).cause, 'bad-option'), String(filter)).to.equal(true);
    expect(String(filter)).to.contain('consul.filter');
    expect(isCrowflyError(await fails({}, '../orders'), 'bad-name')).to.equal(true);
    expect(isCrowflyError(await fails({}, 'orders?x'), 'bad-name')).to.equal(true);
    expect(String(await fails({}, 'x.query.consul'))).to.contain('prepared queries');
  });
});

describe('an agent that fails', function () {
  this.timeout(60_000);

  let agent: Consul;
  let proxy: TcpProxy;
  let watcher: Watcher;
  beforeEach(async function () {
    agent = await requireConsul(this);
    proxy = await TcpProxy.to({ port: agent.ports.http });
    await agent.register({ name: 'orders', id: 'a-1', address: HOST });
    await agent.register({ name: 'orders', id: 'a-2', address: HOST, port: 8082 });
    watcher = new Watcher('orders', { address: `${HOST}:${proxy.port}`, waitMs: 10_000 });
    await watcher.has('a-1', 'a-2');
  });
  afterEach(async () => {
    await watcher?.close();
    await proxy?.close();
    await agent?.close();
  });

  it('and comes back empty leaves no stale set, and no wait on the old index', async () => {
    await agent.process.kill();
    await watcher.is('stale');
    expect(watcher.names, 'the last good set stays').to.deep.equal(['a-1', 'a-2']);
    await agent.process.start();
    await watcher.has();
    await agent.register({ name: 'orders', id: 'a-3', address: HOST });
    await watcher.has('a-3');
  });

  it('and is restored to an older state is followed there', async () => {
    const snapshot = await agent.snapshot();
    for (let more = 3; more < 10; more++)
      await agent.register({ name: 'orders', id: `a-${more}`, address: HOST, port: 8080 + more });
    await watcher.has(...Array.from({ length: 9 }, (_, index) => `a-${index + 1}`));
    await agent.restore(snapshot);
    // The agent carries its own services into the catalog again; what must not be is a set that stays behind.
    await agent.deregister('a-9');
    await watcher.has(...Array.from({ length: 8 }, (_, index) => `a-${index + 1}`));
  });

  it('by standing still is noticed within fifteen seconds, and followed when it goes on', async () => {
    await agent.process.freeze();
    const began = performance.now();
    await watcher.is('stale');
    expect(performance.now() - began).to.be.at.most(25_000);
    expect(watcher.names).to.deep.equal(['a-1', 'a-2']);
    await agent.process.thaw();
    await agent.deregister('a-2');
    await watcher.has('a-1');
  });

  it('through connections that open, and say nothing, is noticed too', async () => {
    proxy.freeze();
    await watcher.is('stale');
    proxy.thaw();
    await watcher.has('a-1', 'a-2');
  });

  it('is left for the next one, and returned to', async function () {
    this.timeout(150_000);
    const other = await requireConsul(this);
    await other.register({ name: 'orders', id: 'b-1', address: HOST });
    const both = new Watcher('orders', { address: [`${HOST}:${proxy.port}`, other.origin], waitMs: 5_000 });
    try {
      await both.has('a-1', 'a-2');
      await proxy.refuse();
      proxy.reset();
      await both.has('b-1');
      await proxy.accept();
      await until('it to return', () => both.names.join() === 'a-1,a-2', { withinMs: 120_000 });
      expect(both.status).to.equal('ready');
    } finally {
      await both.close();
      await other.close();
    }
  });

  it('at the start of the client is waited for', async () => {
    await proxy.refuse();
    const late = new Watcher('orders', { address: `${HOST}:${proxy.port}` });
    await late.is('failed');
    await proxy.accept();
    await late.has('a-1', 'a-2');
    await late.close();
  });
});

describe('connections to an agent', () => {
  it('that gives two hundred to a machine suffice for three hundred services', async function () {
    const agent = await requireConsul(this, { maxConnectionsPerClient: 200 });
    this.timeout(60_000);
    const names = Array.from({ length: 300 }, (_, index) => `many-${index}`);
    const one = createDiscovery({ registry: consul({ address: agent.origin }), env: false, logger: false });
    try {
      await one.ready(names, { timeoutMs: 30_000 });
      await agent.register({ name: 'many-299', id: 'x-1', address: HOST });
      await until('it to be seen', async () => (await one.instances('many-299')).length === 1, {
        withinMs: 30_000,
      });
      expect(one.health().status).to.equal('up');
    } finally {
      await one.close();
      await agent.close();
    }
  });

  it('with TLS and a private authority are verified, share one connection, and show a client certificate', async function () {
    const agent = await requireConsul(this, { tls: 'client' });
    const files = agent.certificates;
    const traffic = new Traffic(agent.origin);
    const access = { address: agent.origin, caFile: files?.caFile ?? '' };
    const watcher = new Watcher('orders', {
      ...access,
      certFile: files?.clientCertFile ?? '',
      keyFile: files?.clientKeyFile ?? '',
    });
    try {
      await agent.register({ name: 'orders', id: 'a-1', address: HOST });
      await watcher.has('a-1');
      await watcher.discovery.ready(Array.from({ length: 50 }, (_, index) => `tls-${index}`));
      expect(traffic.connections).to.equal(1);
      const none = createDiscovery({ registry: consul(access), env: false, logger: false });
      expect(String(await none.instances('orders').catch((error: unknown) => error))).to.contain(
        'client certificate',
      );
      await none.close();
      const stranger = createDiscovery({
        registry: consul({ address: agent.origin }),
        env: false,
        logger: false,
      });
      expect(String(await stranger.instances('orders').catch((error: unknown) => error))).to.contain(
        'unknown authority',
      );
      await stranger.close();
    } finally {
      traffic.stop();
      await watcher.close();
      await agent.close();
    }
  });

  it('may be a unix socket', async function () {
    const agent = await requireConsul(this, { unixSocket: true });
    const watcher = new Watcher('orders', { address: `unix://${agent.socketPath}` });
    try {
      await agent.register({ name: 'orders', id: 'a-1', address: HOST });
      await watcher.has('a-1');
    } finally {
      await watcher.close();
      await agent.close();
    }
  });
});

describe('rights on a real agent', () => {
  let agent: Consul;
  const RULES = 'service "orders" { policy = "read" } node_prefix "" { policy = "read" }';
  before(async function () {
    agent = await requireConsul(this, { acl: true });
    await agent.register({ name: 'orders', id: 'a-1', address: HOST });
    await agent.register({ name: 'orders', id: 'a-2', address: HOST, port: 8082 });
  });
  after(() => agent?.close());

  it('that are taken away in mid-watch leave the set alone, and are named; given back, they are used', async function () {
    this.timeout(60_000);
    await agent.putPolicy('reader', RULES);
    const { secret } = await agent.createToken('reader');
    const watcher = new Watcher('orders', { address: agent.origin, token: secret, waitMs: 2_000 });
    await watcher.has('a-1', 'a-2');
    await agent.putPolicy('reader', '');
    await watcher.is('stale');
    expect(watcher.names).to.deep.equal(['a-1', 'a-2']);
    expect(watcher.cause).to.contain('service "orders" { policy = "read" }').and.to.contain('node_prefix');
    expect(watcher.cause).not.to.contain(secret);
    await agent.putPolicy('reader', RULES);
    await watcher.has('a-1', 'a-2');
    await watcher.close();
  });

  it('that end with their token are a denial at once', async () => {
    await agent.putPolicy('reader', RULES);
    const token = await agent.createToken('reader');
    const watcher = new Watcher('orders', { address: agent.origin, token: token.secret });
    await watcher.has('a-1', 'a-2');
    await agent.deleteToken(token.accessor);
    await watcher.is('stale');
    expect(watcher.cause).to.contain('ACL not found').and.to.contain('the token in consul.token');
    expect(watcher.names).to.deep.equal(['a-1', 'a-2']);
    await watcher.close();
  });

  it('that were never there fail a call at once, and a token in a file is read again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'crowfly-consul-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'wrong-token\n');
    const one = createDiscovery({
      registry: consul({ address: agent.origin, tokenFile }),
      env: false,
      logger: false,
    });
    try {
      const refused = await one.instances('orders').catch((error: unknown) => error);
      expect(isCrowflyError(refused, 'denied'), String(refused)).to.equal(true);
      await agent.putPolicy('reader', RULES);
      writeFileSync(tokenFile, (await agent.createToken('reader')).secret);
      await until('the new token to be used', async () => {
        const found = await one.instances('orders').catch(() => []);
        return found.length === 2;
      });
    } finally {
      await one.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('of nobody look like an empty service, and that is said', async () => {
    const watcher = new Watcher('orders', { address: agent.origin });
    await watcher.has();
    await until('a word', () => watcher.problems.length > 0);
    expect(watcher.problems[0]?.detail).to.contain('a token is needed to see it, and none was sent');
    await watcher.close();
  });

  it('without those for nodes hide everything, and the rule is named', async () => {
    await agent.putPolicy('half', 'service "orders" { policy = "read" }');
    const { secret } = await agent.createToken('half');
    const one = createDiscovery({
      registry: consul({ address: agent.origin, token: secret }),
      env: false,
      logger: false,
    });
    const refused = await one.instances('orders').catch((error: unknown) => error);
    expect(isCrowflyError(refused, 'denied'), String(refused)).to.equal(true);
    expect(String(refused)).to.contain('node_prefix "" { policy = "read" }');
    await one.close();
  });
});

describe('another datacenter', () => {
  it('is asked through the own one, by name', async function () {
    const here = await requireConsul(this);
    const there = await requireConsul(this, { datacenter: 'dc2', join: here });
    this.timeout(60_000);
    const one = createDiscovery({ registry: consul({ address: here.origin }), env: false, logger: false });
    try {
      await there.register({ name: 'orders', id: 'far-1', address: HOST });
      await until(
        'the datacenters to know each other',
        async () => {
          const found = await one.instances('orders.service.dc2.consul').catch(() => []);
          return found.length === 1;
        },
        { withinMs: 45_000 },
      );
      expect((await one.instances('orders@dc2'))[0]?.name).to.equal('far-1');
      expect(await one.instances('orders')).to.have.length(0);
    } finally {
      await one.close();
      await there.close();
      await here.close();
    }
  });
});
