import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { KINDS, never, Rig } from './support/rig.ts';

const run = promisify(execFile);

/** A module in a process of its own, with a client of `origin` and a way to keep time. */
async function inChild(origin: string, http2: boolean, source: string): Promise<string[]> {
  const prelude = `
    import { readFileSync } from 'node:fs';
    import { createRegistryClient } from '@crowfly/http';
    const clock = {
      now: () => performance.now(),
      after(ms, fire, keepAlive) {
        const timer = setTimeout(fire, ms);
        if (!keepAlive) timer.unref();
        return { cancel: () => clearTimeout(timer) };
      },
    };
    const client = createRegistryClient({
      origin: ${JSON.stringify(origin)},
      http2: ${http2},
      clock,
      connection: () => ({ ca: readFileSync('test/fixtures/registries-ca.pem') }),
    });
    const { signal } = new AbortController();
    const loaded = (name) => process.moduleLoadList.includes('NativeModule ' + name);
  `;
  const args = ['--input-type=module', '--eval', prelude + source];
  const { stdout } = await run(process.execPath, args, {
    cwd: new URL('../..', import.meta.url).pathname,
    env: { ...process.env, NODE_OPTIONS: '' },
    timeout: 20_000,
  });
  return stdout.trim().split('\n');
}

describe('a process with a registry client', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.close());

  for (const kind of KINDS) {
    describe(`over ${kind}`, () => {
      const http2 = kind !== 'http' && kind !== 'https';
      /** Any path but `/now` takes a while, with its head or with its body. */
      const serve = async (): Promise<string> => {
        const to = await rig.serve(kind, (request, response) => {
          if (request.url === '/now') return void response.end('ok');
          if (request.url !== '/head') response.write('[');
          if (request.url !== '/watch') setTimeout(() => response.end('slow'), 300);
        });
        return typeof to === 'string' ? to : `https://127.0.0.1:${to}`;
      };

      it('ends by itself while a watch is open', async () => {
        const source = `
          const answer = await client.request({ path: '/watch', signal, silenceMs: 60_000 });
          process.on('exit', () => console.log('ended'));
          for await (const chunk of answer.chunks()) console.log(String(chunk));
        `;
        // Node.js says by this code that what the module awaits did not happen.
        const ended = await inChild(await serve(), http2, source).catch((error) => error);
        expect([ended.code, ended.stdout]).to.deep.equal([13, '[\nended\n']);
      });

      it('ends by itself while connections are kept', async () => {
        const source = `
          await (await client.request({ path: '/now', signal })).text();
          console.log(client.connections);
        `;
        expect(await inChild(await serve(), http2, source)).to.deep.equal(['1']);
      });

      it('stays while somebody waits for a head or a whole body', async () => {
        const source = `
          const opened = await client.request({ path: '/watch', signal });
          void opened.chunks()[Symbol.asyncIterator]().next();
          console.log(await (await client.request({ path: '/head', signal })).text());
          console.log(await (await client.request({ path: '/body', signal })).text());
        `;
        expect(await inChild(await serve(), http2, source)).to.deep.equal(['slow', '[slow']);
      });
    });
  }

  it('loads what a request needs when it is told to, without a connection, and nothing once it is closed', async () => {
    const prepared = await inChild(
      'https://127.0.0.1:1',
      true,
      `client.prepare();
      while (!loaded('http2')) await new Promise((resolve) => setTimeout(resolve, 1));
      console.log(client.connections);`,
    );
    expect(prepared).to.deep.equal(['0']);
    const closed = await inChild(
      'https://127.0.0.1:1',
      true,
      `await client.close();
      client.prepare();
      await import('node:fs/promises');
      await new Promise((resolve) => setImmediate(resolve));
      console.log(loaded('http2'));`,
    );
    expect(closed).to.deep.equal(['false']);
  });

  it('loads no HTTP/2 before it is needed, and no undici at all', async () => {
    const source = `
      console.log(loaded('http2'), loaded('internal/deps/undici/undici'));
      await client.request({ path: '/now', signal }).catch(() => {});
      console.log(loaded('http2'), loaded('internal/deps/undici/undici'));
    `;
    const http = (await rig.serve('http', (_request, response) => void response.end())) as string;
    expect(await inChild(http, true, source)).to.deep.equal(['false false', 'false false']);
    const https = await rig.serve('HTTP/2', (_request, response) => void response.end());
    expect(await inChild(`https://127.0.0.1:${https}`, true, source)).to.deep.equal([
      'false false',
      'true false',
    ]);
  });
});

describe('the channels of registry clients', () => {
  let rig: Rig;
  const heard: unknown[] = [];
  const listen = (message: unknown): void => void heard.push(message);
  beforeEach(() => {
    rig = new Rig();
    heard.length = 0;
    subscribe('crowfly:registry-request', listen);
    subscribe('crowfly:registry-connect', listen);
  });
  afterEach(async () => {
    unsubscribe('crowfly:registry-request', listen);
    unsubscribe('crowfly:registry-connect', listen);
    await rig.close();
  });

  for (const kind of KINDS) {
    it(`tell each connection and each request, over ${kind}`, async () => {
      const http2 = kind !== 'http' && kind !== 'https';
      const to = await rig.serve(kind, (_request, response) => void response.end());
      const origin = typeof to === 'string' ? to : `https://127.0.0.1:${to}`;
      const client = rig.to(origin, { http2 });
      for (const path of ['/a?b=1', '/c']) {
        await (await client.request({ path, method: 'PUT', signal: never })).text();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const protocol = kind === 'HTTP/2' ? 'h2' : 'h1';
      expect(heard).to.have.deep.members([
        { origin, protocol },
        { origin, protocol, method: 'PUT', path: '/a?b=1' },
        { origin, protocol, method: 'PUT', path: '/c' },
      ]);
    });
  }
});
