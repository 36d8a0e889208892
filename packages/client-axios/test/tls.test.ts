import { isCrowflyError } from '@crowfly/core';
import type { AxiosError } from 'axios';
import { expect } from 'chai';
import { Certificate } from './support/certificate.ts';
import { rejection, until, World } from './support/world.ts';

describe('TLS to instances', () => {
  const world = new World();
  const orders = new Certificate('orders');
  const users = new Certificate('users');
  const trusted = { tls: { ca: [orders.cert, users.cert] } };
  afterEach(() => world.close());

  async function serve(certificate: Certificate): ReturnType<World['instance']> {
    const instance = await world.instance(
      'a',
      (request, response) => {
        const { servername, encrypted } = request.socket as unknown as {
          servername: string;
          encrypted: boolean;
        };
        if (request.url === '/moved') return void response.writeHead(302, { location: '/next' }).end();
        response.end(JSON.stringify({ servername, encrypted, host: request.headers.host, url: request.url }));
      },
      certificate,
    );
    world.registry.put('orders', instance.endpoint);
    return instance;
  }

  it('an https URL: the instance proves the name of the service, not its address', async () => {
    await serve(orders);
    const { api } = world.api({}, {}, trusted);
    const { data } = await api.get('https://orders/');
    expect(data).to.deep.equal({ servername: 'orders', encrypted: true, host: 'orders', url: '/' });
  });

  it('an https endpoint upgrades an http URL, which stays as written through redirects', async () => {
    const instance = await serve(orders);
    const { api } = world.api({}, {}, trusted);
    const response = await api.get('http://orders/moved');
    expect(response.data).to.deep.equal({
      servername: 'orders',
      encrypted: true,
      host: 'orders',
      url: '/next',
    });
    expect(response.request.res.responseUrl).to.equal('http://orders/next');
    expect(response.config.url).to.equal('http://orders/moved');
    expect(instance.requests).to.have.length(2);
  });

  it('an http endpoint is never spoken to in the clear for an https URL', async () => {
    const plain = await world.instance('a', (_, response) => response.end('in the clear'));
    world.registry.put('orders', { ...plain.endpoint, protocol: 'http' });
    const { api } = world.api({}, {}, trusted);
    const error = await rejection<AxiosError>(api.get('https://orders/'));
    expect(isCrowflyError(error.cause, 'no-instances')).to.equal(true);
    expect(plain.connections).to.equal(0);
    world.registry.put('silent', plain.endpoint);
    expect((await rejection<AxiosError>(api.get('https://silent/'))).code).to.equal('EPROTO');
    expect(plain.requests).to.have.length(0);
  });

  it('another identity is refused, whatever the Host header says, and however often it is tried', async () => {
    const instance = await serve(users);
    const { api } = world.api({}, { defaults: { ejection: { connectFailures: 0 } } }, trusted);
    for (const url of ['https://orders/', 'http://orders/', 'https://orders/']) {
      const error = await rejection<AxiosError>(
        api.get(url, { headers: { Host: 'users' }, crowfly: { attempts: 1 } }),
      );
      expect(error.code).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
    }
    expect(instance.requests).to.have.length(0);
  });

  it('one address under two names proves each of them', async () => {
    const instance = await serve(orders);
    world.registry.put('users', instance.endpoint);
    const { api } = world.api({}, {}, trusted);
    await api.get('https://orders/');
    expect((await rejection<AxiosError>(api.get('https://users/'))).code).to.equal(
      'ERR_TLS_CERT_ALTNAME_INVALID',
    );
    await api.get('https://orders/');
    expect(instance.requests).to.have.length(2);
  });

  it('an unknown authority is refused, also when the process trusts everyone', async () => {
    const instance = await serve(orders);
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    const silence = (): void => {};
    const { emitWarning } = process;
    process.emitWarning = silence;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const { api, leases } = world.api();
      const error = await rejection<AxiosError>(api.post('https://orders/', 'secret'));
      expect(error.code).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(leases.length).to.be.greaterThan(0);
      expect(instance.requests).to.have.length(0);
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
      process.emitWarning = emitWarning;
    }
  });

  it('a failed handshake sends nothing, so a POST goes to the next instance', async () => {
    const wrong = await world.instance('a', (_, response) => response.end(), users);
    const right = await world.instance('b', (_, response) => response.end('right'), orders);
    world.registry.put('orders', wrong.endpoint, right.endpoint);
    const { api } = world.api({}, {}, trusted);
    expect((await api.post('https://orders/', 'x')).data).to.equal('right');
    await until(() => wrong.sockets.size === 0);
  });
});
