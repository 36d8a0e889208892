import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegistryClient } from '@crowfly/http';
import { expect } from 'chai';
import { failure, never, Relay, Rig, until } from './support/rig.ts';

describe('a registry client over HTTP/1.1', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });
  afterEach(() => rig.close());

  const text = async (client: RegistryClient, path = '/'): Promise<string> =>
    (await client.request({ path, signal: never })).text();

  /** Answers with the port that the request came from. */
  async function portOf(client: RegistryClient): Promise<string> {
    const port = await text(client);
    await new Promise((resolve) => setImmediate(resolve));
    return port;
  }

  const sayPort = (rig: Rig): Promise<number | string> =>
    rig.serve('http', (request, response) => {
      if (request.url === '/watch') response.write('open');
      else response.end(String(request.socket.remotePort));
    });

  it('keeps a connection for the next request', async () => {
    const client = rig.to(await sayPort(rig));
    const ports = new Set<string>();
    for (let n = 0; n < 5; n++) ports.add(await portOf(client));
    expect([ports.size, client.connections]).to.deep.equal([1, 1]);
  });

  it('closes one that has been idle for 4 s', async () => {
    const client = rig.to(await sayPort(rig));
    await portOf(client);
    await rig.clock.advance(3_999);
    expect(client.connections).to.equal(1);
    await portOf(client);
    await rig.clock.advance(3_999);
    expect(client.connections).to.equal(1);
    await rig.clock.advance(1);
    await until(() => client.connections === 0);
  });

  it('gives each open watch a connection of its own', async () => {
    const client = rig.to(await sayPort(rig));
    await portOf(client);
    const control = new AbortController();
    const watches = [1, 2].map(() =>
      client.request({ path: '/watch', signal: control.signal }).then((answer) => failure(answer.text())),
    );
    await until(() => client.connections === 2);
    await portOf(client);
    expect(client.connections).to.equal(3);
    control.abort();
    await Promise.all(watches);
    await until(() => client.connections === 1);
  });

  describe('when a kept connection was closed meanwhile', () => {
    /** A server that closes each connection in place of its second answer. */
    async function closing(): Promise<{ client: RegistryClient; asked: string[] }> {
      const answered = new WeakSet<object>();
      const asked: string[] = [];
      const client = await rig.client('http', (request, response) => {
        asked.push(`${request.method}`);
        if (answered.has(request.socket)) return void request.socket.destroy();
        answered.add(request.socket);
        response.end('ok');
      });
      await portOf(client);
      return { client, asked };
    }

    it('sends a GET once more, on a new one', async () => {
      const { client, asked } = await closing();
      expect(await text(client)).to.equal('ok');
      expect(asked).to.deep.equal(['GET', 'GET', 'GET']);
    });

    for (const request of [{ method: 'PUT' }, { method: 'POST', body: 'x' }, { body: 'x' }]) {
      it(`sends nothing twice that may have been executed: ${JSON.stringify(request)}`, async () => {
        const { client, asked } = await closing();
        const error = await failure(client.request({ path: '/', signal: never, ...request }));
        expect(error).to.have.property('code', 'registry-failed');
        expect(error.message).to.match(/^http:\S+ closed the connection without an answer to \w+ \//);
        expect(asked).to.have.length(2);
      });
    }

    it('sends a GET no more than twice', async () => {
      let asked = 0;
      const client = await rig.client('http', (request, response) => {
        if (asked++ === 0) response.end('ok');
        else request.socket.destroy();
      });
      await portOf(client);
      expect(await failure(text(client))).to.have.property('code', 'registry-failed');
      expect(asked).to.equal(3);
    });

    it('sends nothing again once a part of the answer came', async () => {
      const answered = new WeakSet<object>();
      let asked = 0;
      const client = await rig.client('http', (request, response) => {
        asked++;
        if (answered.has(request.socket)) request.socket.end('HTTP/1.1 200 OK\r\ncontent-le');
        else response.end('ok');
        answered.add(request.socket);
      });
      await portOf(client);
      expect(await failure(text(client))).to.have.property('code', 'registry-failed');
      expect(asked).to.equal(2);
    });

    it('an abort of a request on a kept connection closes no other', async () => {
      const client = await rig.client('http', (request, response) => {
        if (request.url !== '/never') response.end('ok');
      });
      await Promise.all([text(client), text(client), text(client)]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(client.connections).to.equal(3);
      const control = new AbortController();
      const asked = failure(client.request({ path: '/never', signal: control.signal }));
      await new Promise((resolve) => setTimeout(resolve, 10));
      control.abort();
      await asked;
      await until(() => client.connections < 3);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(client.connections).to.equal(2);
    });
  });

  it('opens a new connection for the first request on a new one only once', async () => {
    const port = await rig.tcp((socket) => socket.once('data', () => socket.destroy()));
    const { relay, port: through } = await Relay.start(rig, port);
    const client = rig.to(`http://127.0.0.1:${through}`);
    expect(await failure(text(client))).to.have.property('code', 'registry-failed');
    expect(relay.accepted).to.equal(1);
  });

  it('goes over a unix socket, and says which', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'crowfly-'));
    const socketPath = join(directory, 'agent.sock');
    try {
      const server = createServer((request, response) => response.end(request.headers.host));
      await rig.listen(server, { path: socketPath });
      const client = rig.to('http://consul.local', { connection: () => ({ socketPath }) });
      expect(await text(client)).to.equal('consul.local');
      await client.close();
      const nowhere = rig.to('http://consul.local', { connection: () => ({ socketPath: `${socketPath}2` }) });
      const error = await failure(text(nowhere));
      expect(error.message).to.equal(`there is no unix socket at ${socketPath}2, for http://consul.local`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('takes the end of a body without a length for its end, as HTTP/1.0 does', async () => {
    const port = await rig.tcp((socket) => void socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'));
    expect(await text(rig.to(`http://127.0.0.1:${port}`))).to.equal('all of it');
  });

  it('does not follow a switch to another protocol', async () => {
    const port = await rig.tcp((socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    });
    const client = rig.to(`http://127.0.0.1:${port}`);
    expect(await failure(text(client))).to.have.property('code', 'registry-failed');
    await until(() => client.connections === 0);
  });
});
