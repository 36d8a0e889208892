import http from 'node:http';
import type { AxiosError } from 'axios';
import { expect } from 'chai';
import { Certificate } from './support/certificate.ts';
import { inFlight, rejection, text, until, World } from './support/world.ts';

describe('one try', () => {
  const world = new World();
  afterEach(() => world.close());

  it('reports its latency with the head of the answer, and its end with the end of the body', async () => {
    let finish = (): void => {};
    const instance = await world.instance('a', (_, response) => {
      response.write('begun');
      finish = () => response.end();
    });
    world.registry.put('orders', instance.endpoint);
    const { api, engine, leases } = world.api();
    const answer = api.get('http://orders/');
    await until(() => leases[0]?.responded.length === 1);
    expect(leases[0]?.done).to.deep.equal([]);
    expect(await inFlight(engine)).to.equal(1);
    finish();
    await answer;
    expect(leases[0]).to.deep.include({ responded: [200], done: [{ kind: 'answered' }] });
    expect(await inFlight(engine)).to.equal(0);
  });

  it('ends once for answers without a body, whether they are read or not', async () => {
    const instance = await world.instance('a', (request, response) => {
      response.writeHead(request.method === 'HEAD' ? 200 : 204).end();
    });
    world.registry.put('orders', instance.endpoint);
    const { api, leases } = world.api();
    await api.head('http://orders/');
    await api.delete('http://orders/');
    await text((await api.get('http://orders/', { responseType: 'stream' })).data);
    await api.get('http://orders/', { maxRedirects: 0 });
    expect(leases.map(({ done }) => done)).to.deep.equal(
      Array.from({ length: 4 }, () => [{ kind: 'answered' }]),
    );
  });

  it('passes on what the instance asks for with Retry-After', async () => {
    const asked: unknown[] = [];
    const instance = await world.instance('a', (_, response) =>
      response.writeHead(429, { 'retry-after': '7' }).end(),
    );
    world.registry.put('orders', instance.endpoint);
    const { api, engine } = world.api();
    const { call } = engine;
    engine.call = (route, request, transport) =>
      call.call(engine, route, request, {
        classify: (error, attempt) => transport.classify(error, attempt),
        async send(attempt) {
          const answer = await transport.send(attempt);
          asked.push(answer.retryAfterMs);
          return answer as never;
        },
      }) as never;
    await rejection(api.get('http://orders/'));
    expect(asked).to.deep.equal([7000]);
  });

  it('gives up connecting after connectMs, TLS included, and nothing was sent', async () => {
    const silent = await world.raw('a', () => {});
    const other = await world.instance('b', (_, response) => response.end('b'), new Certificate('orders'));
    world.registry.put('orders', { ...silent, protocol: 'https' }, other.endpoint);
    const { api, leases } = world.api({}, { defaults: { timeouts: { connectMs: 80 } } });
    const error = await rejection<AxiosError>(api.post('http://orders/', 'x', { crowfly: { attempts: 1 } }));
    expect(error.code).to.equal('ETIMEDOUT');
    expect(error.message).to.include('no connection within 80 ms');
    expect(leases).to.have.length(1);
  });

  it('keeps connections and uses them again, without waiting on them to connect', async () => {
    const instance = await world.instance('a', (_, response) => response.end('ok'));
    world.registry.put('orders', instance.endpoint);
    const { api } = world.api({}, { defaults: { timeouts: { connectMs: 1000 } } });
    for (let call = 0; call < 5; call++) await api.get('http://orders/');
    expect(instance.connections).to.equal(1);
    await Promise.all(Array.from({ length: 10 }, () => api.get('http://orders/')));
    expect(instance.connections).to.be.within(2, 11);
  });

  it('a kept connection that ends under a request is no answer: a GET is tried again, a POST is not', async () => {
    const closing = await world.raw('a', (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    const other = await world.instance('b', (_, response) => response.end('b'));
    world.registry.put('orders', closing, other.endpoint);
    const { api, leases } = world.api({}, { defaults: { ejection: { resets: 0 } } });
    expect((await api.get('http://orders/')).data).to.equal('ok');
    expect((await api.get('http://orders/')).data).to.equal('b');
    expect((await api.post('http://orders/', 'x')).data).to.equal('ok');
    expect((await rejection<AxiosError>(api.post('http://orders/', 'x'))).code).to.equal('ECONNRESET');
    expect(leases.map(({ instance }) => instance).join('')).to.equal('aabaa');
  });

  it('what is no HTTP is no answer', async () => {
    const babbling = await world.raw('a', (socket) =>
      socket.once('data', () => socket.end('hello?\r\n\r\n')),
    );
    const other = await world.instance('b', (_, response) => response.end('b'));
    world.registry.put('orders', babbling, other.endpoint);
    const { api } = world.api();
    expect((await api.get('http://orders/')).data).to.equal('b');
  });

  it('works without being asked for a connection: a transport of the caller, a mocked node:http', async () => {
    const instance = await world.instance('a', (_, response) => response.end('ok'));
    world.registry.put('orders', { id: 'mocked', host: '127.0.0.1', port: 9 });
    const { api, engine, leases } = world.api();
    const transport = {
      request: (options: http.RequestOptions, done: (response: http.IncomingMessage) => void) =>
        http.request({ path: options.path, host: '127.0.0.1', port: instance.endpoint.port }, done),
    };
    expect((await api.get('http://orders/', { transport })).data).to.equal('ok');
    const { data } = await api.get('http://orders/', { transport, responseType: 'stream' });
    expect(await text(data)).to.equal('ok');
    expect(leases.map(({ responded, done }) => ({ responded, done }))).to.deep.equal([
      { responded: [200], done: [{ kind: 'answered' }] },
      { responded: [200], done: [{ kind: 'answered' }] },
    ]);
    expect(await inFlight(engine)).to.equal(0);
  });
});
