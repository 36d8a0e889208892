import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFetch } from '@crowfly/client-fetch';
import { createEngine, type Engine } from '@crowfly/core';
import { expect } from 'chai';
import { inTurn } from './support/world.ts';

const origin = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function listen(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe('a connection that breaks before the answer', () => {
  let servers: Server[];
  let engine: Engine;
  let received: number;

  beforeEach(async () => {
    received = 0;
    const resetting = createServer((request) => {
      received++;
      request.socket.resetAndDestroy();
    });
    servers = [await listen(resetting), await listen(createServer((_, response) => response.end('fine')))];
    const services = { orders: { url: servers.map(origin), ejection: { resets: 0 } } };
    engine = createEngine(inTurn, { services, logger: false });
  });

  afterEach(async () => {
    await engine.close();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('sends an idempotent request to another instance', async () => {
    const fetch = createFetch(engine);
    for (let call = 0; call < 6; call++)
      expect(await (await fetch('http://orders/')).text()).to.equal('fine');
    expect(received).to.be.at.least(2);
  });

  it('does not send a POST again, and says that it may have been executed', async () => {
    const fetch = createFetch(engine);
    const errors: unknown[] = [];
    for (let call = 0; call < 6; call++) {
      await fetch('http://orders/', { method: 'POST', body: 'x' }).then(
        (response) => response.text(),
        (error) => errors.push(error),
      );
    }
    expect(errors).to.have.lengthOf(received);
    for (const error of errors) expect(error).to.include({ code: 'call-failed', attempts: 1 });
  });
});
