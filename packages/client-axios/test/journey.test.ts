import { Agent } from 'node:http';
import { isCrowflyError } from '@crowfly/core';
import type { AxiosError } from 'axios';
import { expect } from 'chai';
import { type Instance, inFlight, rejection, until, World } from './support/world.ts';

describe('redirects', () => {
  const world = new World();
  let outside: Instance;
  let first: Instance;
  let second: Instance;
  let billing: Instance;

  /** `/to?<status>,<location>` redirects there; anything else says who answered. */
  async function redirecting(id: string): Promise<Instance> {
    return world.instance(id, (request, response) => {
      const [, status = '', location = ''] = /^\/to\?(\d+),(.*)$/.exec(request.url ?? '') ?? [];
      if (status === '') return void response.end(`${id} ${request.method} ${request.url}`);
      response.writeHead(Number(status), { location: decodeURIComponent(location) }).end();
    });
  }

  beforeEach(async () => {
    outside = await redirecting('outside');
    first = await redirecting('a');
    second = await redirecting('b');
    billing = await redirecting('bill');
    world.registry.put('orders', first.endpoint, second.endpoint);
    world.registry.put('billing', billing.endpoint);
  });
  afterEach(() => world.close());

  const to = (status: number, location: string): string =>
    `http://orders/to?${status},${encodeURIComponent(location)}`;

  it('within the service stay at the instance, on its connection', async () => {
    const { api, leases } = world.api();
    for (const location of ['/next', 'http://orders/next', 'http://ORDERS:80/next']) {
      const response = await api.get(to(302, location));
      expect(response.data).to.equal('a GET /next');
      expect(response.request.res.responseUrl).to.equal('http://orders/next');
    }
    expect(leases.map(({ instance, responded, done }) => ({ instance, responded, done }))).to.deep.equal(
      Array.from({ length: 3 }, () => ({ instance: 'a', responded: [200], done: [{ kind: 'answered' }] })),
    );
    expect((await api.post(to(307, '/next'), 'x')).data).to.equal('a POST /next');
    expect((await api.post(to(303, '/next'), 'x')).data).to.equal('a GET /next');
  });

  it('to another host leave the service: by ordinary DNS, never to the instance', async () => {
    const { api, leases, engine } = world.api();
    const response = await api.get(to(302, `${outside.origin}/there`));
    expect(response.data).to.equal('outside GET /there');
    expect(outside.requests[0]?.headers.host).to.equal(new URL(outside.origin).host);
    expect(leases).to.deep.equal([{ instance: 'a', responded: [302], done: [{ kind: 'answered' }] }]);
    expect(await inFlight(engine)).to.equal(0);
  });

  it('to another host carry no credentials; sensitiveHeaders names more of them', async () => {
    const { api } = world.api();
    const headers = { Cookie: 'c', 'X-Api-Key': 'k', 'X-Plain': 'p' };
    const auth = { username: 'u', password: 'p' };
    await api.get(to(302, `${outside.origin}/there`), { headers: { ...headers, Authorization: 'Bearer t' } });
    await api.get(to(302, `${outside.origin}/there`), { headers, auth, sensitiveHeaders: ['X-Api-Key'] });
    expect(first.requests[0]?.headers).to.include({ authorization: 'Bearer t', cookie: 'c' });
    for (const { headers: received } of outside.requests) {
      expect(received).not.to.have.any.keys('authorization', 'cookie');
      expect(received['x-plain']).to.equal('p');
    }
    expect(outside.requests.map((request) => request.headers['x-api-key'])).to.deep.equal(['k', undefined]);
  });

  it('to another host use the agents of the caller', async () => {
    const { api } = world.api();
    const httpAgent = new Agent({ keepAlive: true });
    try {
      await api.get(to(302, `${outside.origin}/there`), { httpAgent });
      await until(() => Object.keys(httpAgent.freeSockets).length === 1);
      expect(first.connections).to.equal(1);
    } finally {
      httpAgent.destroy();
    }
  });

  it('to another host fail as they would without crowfly, without another try', async () => {
    const { api, leases } = world.api();
    outside.kill();
    const error = await rejection<AxiosError>(api.get(to(302, `${outside.origin}/there`)));
    expect(error.code).to.equal('ECONNREFUSED');
    expect(isCrowflyError(error.cause)).to.equal(false);
    expect(leases.map(({ instance }) => instance)).to.deep.equal(['a']);
  });

  it('to an error elsewhere are the answer: no other instance is asked', async () => {
    const broken = await world.instance('broken', (_, response) => response.writeHead(503).end());
    const { api, leases } = world.api();
    expect((await rejection<AxiosError>(api.get(to(302, broken.origin)))).status).to.equal(503);
    expect(leases).to.have.length(1);
  });

  it('to another service go to one of its instances', async () => {
    const { api, leases, engine } = world.api();
    const response = await api.get(to(302, 'http://billing/invoice'), {
      headers: { Authorization: 'Bearer t' },
    });
    expect(response.data).to.equal('bill GET /invoice');
    expect(response.request.res.responseUrl).to.equal('http://billing/invoice');
    expect(billing.requests[0]?.headers).to.include({ host: 'billing' });
    expect(billing.requests[0]?.headers).not.to.have.property('authorization');
    expect(leases).to.deep.equal([
      { instance: 'a', responded: [302], done: [{ kind: 'answered' }] },
      { instance: 'bill', responded: [200], done: [{ kind: 'answered' }] },
    ]);
    expect((await inFlight(engine)) + (await inFlight(engine, 'billing'))).to.equal(0);
    const back = await api.get(to(302, `http://billing/to?302,${encodeURIComponent('http://orders/home')}`));
    expect(back.data).to.equal('a GET /home');
  });

  it('to a service that is down or unknown say so', async () => {
    const { api, leases } = world.api();
    billing.kill();
    const down = await rejection<AxiosError>(api.get(to(302, 'http://billing/')));
    expect(down.code).to.equal('ECONNREFUSED');
    expect(leases.at(-1)).to.deep.include({ instance: 'bill', responded: [] });
    expect(leases.at(-1)?.done.map(({ kind }) => kind)).to.deep.equal(['not-sent']);
    const unknown = await rejection<AxiosError>(api.get(to(302, 'http://nowhere/')));
    expect(unknown.code).to.equal('ENOTFOUND');
    expect(isCrowflyError(unknown.cause, 'unknown-service')).to.equal(true);
  });

  it('are limited and refused as axios does', async () => {
    const { api, engine, leases } = world.api();
    const loop = await world.instance('a', (_, response) =>
      response.writeHead(302, { location: '/again' }).end(),
    );
    world.registry.put('loops', loop.endpoint);
    const error = await rejection<AxiosError>(api.get('http://loops/', { maxRedirects: 3 }));
    expect(error.code).to.equal('ERR_FR_TOO_MANY_REDIRECTS');
    expect(loop.requests).to.have.length(4);
    expect(leases[0]).to.deep.include({ responded: [302], done: [{ kind: 'answered' }] });
    const unfollowed = await api.get(to(302, '/next'), { maxRedirects: 0, validateStatus: null });
    expect(unfollowed.status).to.equal(302);
    const refused = await rejection<AxiosError>(
      api.get(to(302, '/next'), {
        beforeRedirect: () => {
          throw new Error('no redirects here');
        },
      }),
    );
    expect(refused.message).to.include('no redirects here');
    expect((await inFlight(engine, 'loops')) + (await inFlight(engine))).to.equal(0);
  });

  it('a status worth another try after a redirect is tried on another instance', async () => {
    const bad = await world.instance('a', (request, response) => {
      if (request.url === '/bad') response.writeHead(503).end();
      else response.writeHead(302, { location: '/bad' }).end();
    });
    world.registry.put('orders', bad.endpoint, second.endpoint);
    const { api } = world.api();
    expect((await api.get('http://orders/')).data).to.equal('b GET /');
  });
});
