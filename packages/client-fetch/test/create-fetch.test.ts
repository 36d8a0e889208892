import { expect } from 'chai';
import { rejection, until, World } from './support/world.js';

describe('fetch by service name', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.close());

  it('answers from an instance, with the URL that the caller wrote', async () => {
    const one = await world.instance((request, response) => {
      response.end(JSON.stringify({ url: request.url, host: request.headers.host }));
    });
    world.registry.put('orders', one.endpoint);
    const fetch = world.fetch();
    const response = await fetch('http://orders/v1/42?x=%2F#part');
    expect(response).to.be.instanceOf(Response);
    expect(response.url).to.equal('http://orders/v1/42?x=%2F');
    expect(await response.json()).to.deep.equal({ url: '/v1/42?x=%2F', host: 'orders' });
    const other = await fetch(new URL('http://orders:8080/'));
    expect(((await other.json()) as any).host).to.equal('orders:8080');
  });

  it('tries the next instance when one refuses', async () => {
    const one = await world.instance((_request, response) => response.end('ok'));
    world.registry.put('orders', await world.refused(), one.endpoint);
    const fetch = world.fetch();
    for (let n = 0; n < 4; n++) {
      const response = await fetch('http://orders/', { method: 'POST', body: 'x' });
      expect(await response.text()).to.equal('ok');
    }
  });
});
