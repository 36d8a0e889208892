import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { RegistryFactory } from '@crowfly/core';
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
