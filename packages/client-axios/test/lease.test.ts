import { expect } from 'chai';
import { rejection, text, until, World } from './support/world.ts';

describe('the lease of an answer that is given up inside its body', () => {
  const world = new World();
  afterEach(() => world.close());

  const reasons: Record<string, () => unknown> = {
    'a time limit': () => new DOMException('late', 'TimeoutError'),
    'an abort': () => undefined,
  };
  for (const [what, reason] of Object.entries(reasons)) {
    for (const path of ['body', 'redirect']) {
      for (const responseType of ['text', 'stream'] as const) {
        it(`is canceled by ${what} of the caller: ${responseType}, ${path}`, async () => {
          const instance = await world.instance('a', (request, response) => {
            if (request.url === '/redirect') response.writeHead(302, { location: 'http://users/body' }).end();
            else response.write('half');
          });
          world.registry.put('orders', instance.endpoint);
          world.registry.put('users', instance.endpoint);
          const { api, leases } = world.api({ responseType });
          const controller = new AbortController();
          const call = api.get(`http://orders/${path}`, { signal: controller.signal });
          const failed = rejection(responseType === 'text' ? call : call.then(({ data }) => text(data)));
          await until(
            () => leases.at(-1)?.responded.length === 1 && leases.length === (path === 'body' ? 1 : 2),
          );
          controller.abort(reason());
          await failed;
          await until(() => leases.at(-1)?.done.length !== 0);
          await new Promise((resolve) => setImmediate(resolve));
          expect(leases.at(-1)?.done[0]).to.deep.equal({ kind: 'canceled' });
        });
      }
    }
  }

  it('is canceled by a silence longer than config.timeout, after a redirect to another service too', async () => {
    const instance = await world.instance('a', (request, response) => {
      if (request.url === '/redirect') response.writeHead(302, { location: 'http://users/body' }).end();
      else response.write('half');
    });
    world.registry.put('orders', instance.endpoint);
    world.registry.put('users', instance.endpoint);
    const { api, leases } = world.api({ timeout: 60 });
    for (const path of ['body', 'redirect']) {
      await rejection(api.get(`http://orders/${path}`));
      await until(() => leases.at(-1)?.done.length !== 0);
      expect(leases.at(-1)?.done[0]).to.deep.equal({ kind: 'canceled' });
    }
  });
});
