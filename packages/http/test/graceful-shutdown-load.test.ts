import { Agent, createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gracefulShutdown } from '@crowfly/http';
import { expect } from 'chai';
import { Pool } from 'undici';
import { FastClock } from './support/fast-clock.ts';
import { until } from './support/servers.ts';

const SHUTDOWNS = process.env.CROWFLY_LONG === '1' ? 2_000 : 150;
const LANES = 10;

const clock = new FastClock();

type Call = (port: number) => Promise<unknown>;

describe('gracefulShutdown under load', () => {
  before(() => clock.start());
  after(() => clock.stop());

  for (const delayMs of [1_500, 0]) {
    it(`${SHUTDOWNS} shutdowns with delayMs ${delayMs} lose no request`, async function () {
      this.timeout(60_000 + SHUTDOWNS * 200);
      const failures: string[] = [];
      let started = 0;
      let answered = 0;
      const lane = async (): Promise<void> => {
        while (started++ < SHUTDOWNS) {
          const count = await shutDownUnderLoad(delayMs, failures);
          answered += count;
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      expect(failures).to.deep.equal([]);
      expect(answered).to.be.above(SHUTDOWNS * 10);
    });
  }
});

/** Clients call one server in bursts, over connections that they keep, until each has learned that it leaves. */
async function shutDownUnderLoad(delayMs: number, failures: string[]): Promise<number> {
  const old = await listen();
  const next = await listen();
  let leftAt = Number.POSITIVE_INFINITY;
  const lifecycle = gracefulShutdown(old.server, {
    signals: false,
    delayMs,
    clock,
    logger: false,
    onDraining: () => {
      leftAt = clock.now();
    },
  });
  let answered = 0;
  let done = false;
  const client = async (call: Call): Promise<void> => {
    const learnsAfterMs = Math.random() * delayMs * 0.9;
    while (!done) {
      const one = async (): Promise<void> => {
        const learned = clock.now() - leftAt >= learnsAfterMs;
        try {
          await call(learned ? next.port : old.port);
          answered++;
        } catch (error) {
          const { message, cause } = error as Error;
          failures.push(`${message} ${cause ?? ''}, ${learned ? 'to the next one' : lifecycle.state}`);
        }
      };
      await Promise.all(Array.from({ length: 1 + Math.floor(Math.random() * 3) }, one));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    }
  };
  const agent = new Agent({ keepAlive: true });
  const pools = [old.port, next.port].map((port) => new Pool(`http://127.0.0.1:${port}`));
  const clients = [
    byAgent(agent),
    byAgent(agent),
    (port: number) => byPool(pools[port === old.port ? 0 : 1] as Pool),
    byFetch,
    byFetch,
  ].map(client);
  await until(() => answered > 20);
  const { cut } = await lifecycle.shutdown();
  if (cut > 0) failures.push(`${cut} connections were cut`);
  done = true;
  await Promise.all(clients);
  agent.destroy();
  await Promise.all(pools.map((pool) => pool.destroy()));
  next.server.close();
  next.server.closeAllConnections();
  return answered;
}

const answer: RequestListener = (incoming, response) => {
  incoming.resume().on('end', () => setTimeout(() => response.end('ok'), Math.random() * 5));
};

async function listen() {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

const byAgent =
  (agent: Agent): Call =>
  (port) =>
    new Promise((resolve, reject) => {
      const sent = request({ port, host: '127.0.0.1', agent, method: 'POST' }, (response) => {
        response.resume().on('end', resolve).on('error', reject);
      });
      sent.on('error', reject).end('body');
    });

async function byPool(pool: Pool): Promise<string> {
  const { body } = await pool.request({ path: '/', method: 'POST', body: 'body' });
  return body.text();
}

const byFetch: Call = async (port) => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'body' });
  return response.text();
};
