import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { classifyError, openedPools, openPools, type Pools } from '@crowfly/http';
import { expect } from 'chai';
import { send } from './support/send.ts';
import { Owner, Servers, until } from './support/servers.ts';

const run = promisify(execFile);

/** Runs a module in a process of its own. */
async function inChild(source: string, env: Record<string, string> = {}): Promise<string> {
  const args = ['--input-type=module', '--eval', source];
  const { stdout } = await run(process.execPath, args, {
    cwd: new URL('..', import.meta.url).pathname,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    timeout: 20_000,
  });
  return stdout.trim();
}

describe('the pools of an engine', () => {
  let servers: Servers;
  let owner: Owner;
  let pools: Pools;
  beforeEach(async () => {
    servers = new Servers();
    owner = new Owner();
    pools = await openPools(owner.engine);
  });
  afterEach(async () => {
    await owner.close();
    await servers.close();
  });

  it('are shared by all clients of the engine, and another engine has its own', async () => {
    expect(await openPools(owner.engine)).to.equal(pools);
    expect(openedPools(owner.engine)).to.equal(pools);
    const other = new Owner();
    expect(openedPools(other.engine)).to.equal(undefined);
    expect(await openPools(other.engine)).not.to.equal(pools);
    await other.close();
  });

  it('keep connections between requests', async () => {
    const ports = new Set<number | undefined>();
    const endpoint = await servers.http((request, response) => {
      ports.add(request.socket.remotePort);
      response.end('ok');
    });
    for (let n = 0; n < 5; n++) {
      expect(await send(pools, endpoint)).to.deep.equal({ status: 200, body: 'ok' });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ports.size).to.equal(1);
    expect(pools.size).to.equal(1);
  });

  it('use as many connections as there are requests at a time', async () => {
    let together = 0;
    const waiting: (() => void)[] = [];
    const endpoint = await servers.http((_request, response) => {
      together++;
      waiting.push(() => response.end());
    });
    const all = Array.from({ length: 50 }, () => send(pools, endpoint));
    await until(() => together === 50);
    for (const answer of waiting) answer();
    await Promise.all(all);
  });

  it('close the connections to an instance that left; its last answer arrives whole', async () => {
    let open = 0;
    let finish = (): void => {};
    const endpoint = await servers.http((request, response) => {
      if (request.socket.listenerCount('close') < 5) open++;
      request.socket.once('close', () => open--);
      response.write('first ');
      finish = () => response.end('last');
    });
    const answer = send(pools, endpoint);
    await until(() => open === 1);
    owner.leave('orders', endpoint);
    finish();
    expect((await answer).body).to.equal('first last');
    await until(() => open === 0);
    expect(pools.size).to.equal(0);
  });

  it('do not reuse a connection that the server is about to close', async () => {
    const ports = new Set<number | undefined>();
    const endpoint = await servers.http((request, response) => {
      ports.add(request.socket.remotePort);
      response.setHeader('keep-alive', 'timeout=1').end();
    });
    await send(pools, endpoint);
    await send(pools, endpoint);
    expect(ports.size).to.equal(2);
  });

  it('refuse requests once closed', async () => {
    const endpoint = await servers.http((_request, response) => response.end());
    await send(pools, endpoint);
    await owner.close();
    expect(() => send(pools, endpoint)).not.to.throw();
    const error = await send(pools, endpoint).catch((reason) => reason);
    expect(error).to.have.property('code', 'closed');
  });

  it('take IPv6 addresses, with a zone too', async () => {
    const refused = await servers.refused();
    for (const host of ['::1', '::1%lo', 'fe80::1%nowhere']) {
      const error = await send(pools, { ...refused, host }).catch((reason) => reason);
      expect(classifyError(error), `${host}: ${error}`).to.equal('not-sent');
    }
  });

  describe('in a process of their own', () => {
    it('load undici on first use only, and leave the dispatcher of the built-in fetch alone', async () => {
      const output = await inChild(`
        import { createRequire } from 'node:module';
        import { openPools } from '@crowfly/http';
        const cache = createRequire(import.meta.url).cache;
        const loaded = () => Object.keys(cache).some((file) => file.includes('undici'));
        const before = loaded();
        const engine = { on: () => () => {}, own: (key, create) => (engine[key] ??= create()) };
        await openPools(engine);
        const global = globalThis[Symbol.for('undici.globalDispatcher.1')];
        await fetch('data:,').then((response) => response.text());
        const { Agent } = await import('undici');
        console.log(JSON.stringify({
          before, after: loaded(), builtIn: global !== undefined && !(global instanceof Agent),
          same: globalThis[Symbol.for('undici.globalDispatcher.1')] === global,
        }));`);
      expect(JSON.parse(output)).to.deep.equal({ before: false, after: true, builtIn: true, same: true });
    });

    it('do not keep an idle process alive', async () => {
      const endpoint = await servers.http((_request, response) => response.end('ok'));
      const output = await inChild(`
        import { openPools } from '@crowfly/http';
        const engine = { on: () => () => {}, own: (key, create) => (engine[key] ??= create()) };
        const pools = await openPools(engine);
        const route = { scheme: 'http', hostname: 'orders', authority: 'orders', service: 'orders' };
        const endpoint = ${JSON.stringify(endpoint)};
        const from = performance.now();
        process.on('exit', () => console.log(performance.now() - from < 2000 ? 'at once' : 'late'));
        await new Promise((resolve, reject) => pools.dispatch(
          { route, endpoint, connectMs: 1000 }, { path: '/', method: 'GET', headers: {} },
          { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: resolve, onError: reject }));
        console.log('answered');`);
      expect(output).to.equal('answered\nat once');
    });

    it('trust only the identity that the caller named, on new and on resumed TLS sessions', async () => {
      const listener = (_request: unknown, response: { end(text: string): void }): void => response.end('ok');
      const orders = await servers.https('orders', listener);
      const payments = await servers.https('payments', listener);
      const output = await inChild(
        `
        import { openPools } from '@crowfly/http';
        const engine = { on: () => () => {}, own: (key, create) => (engine[key] ??= create()), left() {} };
        const pools = await openPools(engine);
        const send = (endpoint, name, scheme, host, id) => new Promise((resolve) => pools.dispatch(
          { route: { scheme, hostname: name, authority: name, service: name }, endpoint: { ...endpoint, id }, connectMs: 5000 },
          { path: '/', method: 'GET', headers: { host, connection: 'close' } },
          { onConnect() {}, onHeaders: () => true, onData: () => true, onComplete: () => resolve('ok'),
            onError: (error) => resolve(error.code) }));
        const orders = ${JSON.stringify(orders)}, payments = ${JSON.stringify(payments)};
        const plain = { ...orders, protocol: undefined };
        const mismatch = [];
        for (let n = 0; n < 3; n++) mismatch.push(await send(orders, 'users', 'https', 'orders', 'a'));
        console.log(JSON.stringify({
          right: [await send(orders, 'orders', 'https', 'orders', 'a'), await send(orders, 'orders', 'https', 'x', 'a')],
          upgraded: await send(orders, 'orders', 'http', 'orders', 'a'),
          alternative: await send(orders, 'orders.shop.svc.cluster.local', 'https', 'orders', 'a'),
          mismatch,
          byAddress: await send(payments, 'orders', 'https', '127.0.0.1', 'b'),
          byHost: await send(payments, 'orders', 'https', 'payments', 'b'),
          again: await send(orders, 'users', 'https', 'orders', 'a'),
          neverPlain: await send(plain, 'orders', 'https', 'orders', 'a'),
        }));
        await engine[Object.getOwnPropertySymbols(engine)[0]].close();`,
        { NODE_EXTRA_CA_CERTS: new URL('fixtures/ca.pem', import.meta.url).pathname },
      );
      const wrong = 'ERR_TLS_CERT_ALTNAME_INVALID';
      expect(JSON.parse(output)).to.deep.equal({
        right: ['ok', 'ok'],
        upgraded: 'ok',
        alternative: 'ok',
        mismatch: [wrong, wrong, wrong],
        byAddress: wrong,
        byHost: wrong,
        again: wrong,
        neverPlain: 'ok',
      });
    });
  });
});
