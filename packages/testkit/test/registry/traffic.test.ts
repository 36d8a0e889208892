import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Clock, RegistryFactory } from '@crowfly/core';
import { createRegistryClient, type RegistryClient } from '@crowfly/http';
import type { RegistryHarness } from '@crowfly/testkit';
import { expect } from 'chai';
import { harness } from './support/harness.js';
import { conform, QUICK, type Result } from './support/run.js';

describe('what the suite sees by itself, without requests() of the harness', () => {
  const server = createServer((_, response) => response.end());
  const sockets: Socket[] = [];
  let origin = '';
  let port = 0;

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    origin = `http://127.0.0.1:${port}`;
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  it('a connection that is left open', async () => {
    const { failed } = await seven(() => void sockets.push(connect(port, '127.0.0.1')));
    expect(failed.map(({ message }) => message).join()).to.match(
      /^rule 7 .*after the abort and close\(\) there is still an open connection/,
    );
  });

  it('no fault in a connection that is kept, but keeps nothing alive', async () => {
    const { failed } = await seven(() => {
      const socket = connect(port, '127.0.0.1').unref();
      sockets.push(socket);
    });
    expect(failed).to.deep.equal([]);
  });

  for (const [name, request] of [
    [
      'fetch',
      () =>
        void fetch(origin).then(
          (response) => response.text(),
          () => {},
        ),
    ],
    ['node:http', () => void get(origin, (response) => response.resume()).on('error', () => {})],
  ] as const) {
    it(`a request by ${name} after the abort`, async () => {
      const { failed } = await seven((signal) => {
        signal.addEventListener('abort', () => setTimeout(request, 20));
      });
      expect(failed.map(({ message }) => message).join()).to.match(
        /^rule 7 .*[1-9] requests were made after the abort/,
      );
    });
  }

  describe('of the client for registries', () => {
    const fixture = (name: string): Buffer =>
      readFileSync(new URL(`../../../http/test/fixtures/${name}`, import.meta.url));
    const secure = createSecureServer(
      { cert: fixture('registry.pem'), key: fixture('registry-key.pem') },
      (_, response) => response.end(),
    );
    const clients: RegistryClient[] = [];
    const clock: Clock = {
      now: () => performance.now(),
      after(delayMs, fire) {
        const timer = setTimeout(fire, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
    };

    before(async () => {
      secure.listen(0, '127.0.0.1');
      await once(secure, 'listening');
    });
    after(async () => {
      for (const client of clients) await client.close();
      secure.close();
    });

    for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
      it(`a request over ${protocol} after the abort, once`, async () => {
        const to =
          protocol === 'HTTP/2' ? `https://127.0.0.1:${(secure.address() as AddressInfo).port}` : origin;
        const client = createRegistryClient({
          origin: to,
          http2: true,
          clock,
          connection: () => ({ ca: fixture('registries-ca.pem') }),
        });
        clients.push(client);
        const request = async (): Promise<unknown> => {
          const { signal } = new AbortController();
          return (await client.request({ path: '/', signal })).text();
        };
        // So that there is a connection already: a new one counts as a request by itself.
        await request();
        let asked = false;
        const { failed } = await seven((signal) => {
          signal.addEventListener('abort', () => {
            if (!asked) setTimeout(() => void request(), 20);
            asked = true;
          });
        });
        expect(failed.map(({ message }) => message).join()).to.match(
          /^rule 7 .*: 1 requests were made after the abort/,
        );
      });
    }
  });
});

/** Rule 7 for an adapter that is right but for what `also` does in each watch. */
function seven(also: (signal: AbortSignal) => void): Promise<Result> {
  const setup = (): RegistryHarness => {
    const { requests: _, ...given } = harness();
    const factory: RegistryFactory = (context) => {
      const registry = given.factory(context);
      return {
        ...registry,
        watch(service, feed) {
          also(feed.signal);
          return registry.watch(service, feed);
        },
      };
    };
    return { ...given, factory };
  };
  return conform({ name: 'adapter', ...QUICK, setup }, /rule 7 .*(settles at once|nothing is left)/);
}
