import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, createSecureServer, createServer } from 'node:http2';
import { Agent, createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectRaw } from 'node:net';
import type { NodeServer } from '@crowfly/http';
import { expect } from 'chai';
import { Leaving, listening } from '../support/leaving.ts';
import { authority, until } from '../support/servers.ts';

const fixture = (name: string): string =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8');
const identity = { cert: fixture('orders.pem'), key: fixture('orders-key.pem') };
const portOf = (server: NodeServer): number => (server.address() as AddressInfo).port;

/** One request; its status, or the error. */
async function get(session: ClientHttp2Session, path = '/'): Promise<number> {
  const stream = session.request({ ':path': path });
  let status = 0;
  stream.on('response', (headers) => {
    status = Number(headers[':status']);
  });
  stream.resume();
  await once(stream, 'end');
  return status;
}

describe('gracefulShutdown of HTTP/2', () => {
  let leaving: Leaving;
  beforeEach(() => {
    leaving = new Leaving();
  });
  afterEach(() => leaving.close());

  const over = async (shutdown: Promise<{ cut: number }>): Promise<{ cut: number }> => {
    let report: { cut: number } | undefined;
    void shutdown.then((value) => {
      report = value;
    });
    while (report === undefined) await leaving.pass(50);
    return report;
  };

  for (const [kind, create, scheme] of [
    ['http2', () => createServer(), 'http'],
    ['http2 over TLS', () => createSecureServer(identity), 'https'],
  ] as const) {
    it(`${kind}: sessions are told by GOAWAY, and what is in flight is answered`, async () => {
      const server = await listening(create());
      const held: { end(text: string): unknown }[] = [];
      server.on('request', (request, response) => {
        if (request.url === '/held') held.push(response);
        else response.end('ok');
      });
      const lifecycle = leaving.leave(server);
      const open = (): ClientHttp2Session =>
        connect(`${scheme}://127.0.0.1:${portOf(server)}`, {
          ca: authority,
          checkServerIdentity: () => undefined,
        });
      const session = open();
      expect(await get(session)).to.equal(200);
      const inFlight = get(session, '/held');
      await until(() => held.length === 1);

      const goaway = once(session, 'goaway');
      const shutdown = lifecycle.shutdown();
      const [code] = await goaway;
      expect(code).to.equal(0);
      // Who connects all the same is answered, and told too.
      const late = open();
      const told = once(late, 'goaway');
      expect(await get(late)).to.equal(200);
      await told;
      for (const response of held) response.end('done');
      expect(await inFlight).to.equal(200);
      expect(await over(shutdown)).to.deep.equal({ cut: 0 });
      await until(() => session.destroyed && late.destroyed);
    });

    it(`${kind}: an answer that never ends is cut at the bound`, async () => {
      const server = await listening(create());
      server.on('request', (_request, response) => response.write('for ever'));
      const lifecycle = leaving.leave(server);
      const session = connect(`${scheme}://127.0.0.1:${portOf(server)}`, {
        ca: authority,
        checkServerIdentity: () => undefined,
      });
      session.on('error', () => {});
      const stream = session.request({ ':path': '/' });
      stream.on('error', () => {});
      await once(stream, 'response');
      expect(await over(lifecycle.shutdown())).to.deep.equal({ cut: 1 });
      await until(() => session.destroyed);
    });
  }
});

describe('gracefulShutdown of https', () => {
  it('tells, waits and closes as with http; who connects and says nothing does not hold it', async () => {
    const leaving = new Leaving();
    const server = await listening(createHttpsServer(identity, (_, response) => response.end('ok')));
    const lifecycle = leaving.leave(server);
    const agent = new Agent({ keepAlive: true, ca: authority, checkServerIdentity: () => undefined });
    const connection = async (): Promise<string | undefined> => {
      const request = httpsRequest({ port: portOf(server), host: '127.0.0.1', agent }).end();
      const [response] = await once(request, 'response');
      await once(response.resume(), 'end');
      return response.headers.connection;
    };
    expect(await connection()).to.equal('keep-alive');
    const silent = connectRaw(portOf(server), '127.0.0.1');
    await once(server, 'connection');
    const from = leaving.clock.now();
    let report: { cut: number } | undefined;
    void lifecycle.shutdown().then((value) => {
      report = value;
    });
    expect(await connection()).to.equal('close');
    while (report === undefined) await leaving.pass(50);
    expect(report).to.deep.equal({ cut: 0 });
    expect(leaving.clock.now() - from).to.be.below(7_000);
    silent.destroy();
    agent.destroy();
  });
});
