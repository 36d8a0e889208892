import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { isCrowflyError } from '@crowfly/core';
import type { AxiosError } from 'axios';
import { expect } from 'chai';
import { inFlight, rejection, text, until, World } from './support/world.ts';

describe('a call to a service', () => {
  const world = new World();
  afterEach(() => world.close());

  const good = (id = 'z') =>
    world.instance(id, async (request, response) => response.end(`${request.method} ${await text(request)}`));

  it('a refused connection is tried on another instance, for a POST too', async () => {
    world.registry.put('orders', await world.refused('a'), (await good()).endpoint);
    const { api, engine, leases } = world.api();
    expect((await api.post('http://orders/', 'body')).data).to.equal('POST body');
    expect(leases.map(({ instance }) => instance)).to.deep.equal(['a', 'z']);
    expect(await inFlight(engine)).to.equal(0);
  });

  it('a stream as body is sent once only', async () => {
    world.registry.put('orders', await world.refused('a'), (await good()).endpoint);
    const { api } = world.api();
    const error = await rejection<AxiosError>(api.post('http://orders/', Readable.from(['x'])));
    expect(error.code).to.equal('ECONNREFUSED');
    expect(isCrowflyError(error.cause, 'call-failed')).to.equal(true);
  });

  it('an instance that dies with a GET in hand costs the caller nothing', async () => {
    const dying = await world.instance('a', () => dying.kill());
    world.registry.put('orders', dying.endpoint, (await good()).endpoint);
    const { api, engine } = world.api();
    expect((await api.get('http://orders/')).data).to.equal('GET ');
    expect(await inFlight(engine)).to.equal(0);
  });

  it('a POST that may have been executed is not sent again, unless the caller says that it may', async () => {
    const dying = await world.instance('a', (request) => request.socket.resetAndDestroy());
    const other = await good();
    world.registry.put('orders', dying.endpoint, other.endpoint);
    const { api } = world.api({}, { defaults: { ejection: { resets: 0 } } });
    const error = await rejection<AxiosError>(api.post('http://orders/', 'x'));
    expect(error.code).to.equal('ECONNRESET');
    expect(error.message).to.include('idempotent: true');
    expect(other.requests).to.have.length(0);
    expect((await api.post('http://orders/', 'x', { crowfly: { idempotent: true } })).data).to.equal(
      'POST x',
    );
    expect((await api.post('http://orders/', 'x', { headers: { 'Idempotency-Key': '1' } })).data).to.equal(
      'POST x',
    );
    const forbidden = await rejection<AxiosError>(api.get('http://orders/', { crowfly: { attempts: 1 } }));
    expect(forbidden.code).to.equal('ECONNRESET');
  });

  it('a 503 is tried elsewhere; the first answer is thrown away and its instance free', async () => {
    const busy = await world.instance('a', (_, response) => {
      response.writeHead(503, { 'content-encoding': 'gzip', 'retry-after': '1' });
      response.write(gzipSync('x'.repeat(100)));
    });
    world.registry.put('orders', busy.endpoint, (await good()).endpoint);
    const { api, engine, leases } = world.api();
    for (const responseType of ['text', 'stream'] as const) {
      const { data } = await api.get('http://orders/', { responseType });
      expect(responseType === 'text' ? data : await text(data)).to.equal('GET ');
    }
    await until(async () => (await inFlight(engine)) === 0 && busy.sockets.size === 0);
    expect(leases[0]).to.deep.include({ responded: [503], done: [{ kind: 'canceled' }] });
  });

  it('the last answer is what the caller gets, judged by its own validateStatus', async () => {
    const answer = (id: string) =>
      world.instance(id, (_, response) => response.writeHead(503).end(`from ${id}`));
    const instances = [await answer('a'), await answer('b')];
    world.registry.put('orders', ...instances.map(({ endpoint }) => endpoint));
    const { api } = world.api({}, { defaults: { ejection: { gatewayErrors: 0, serverErrors: 0 } } });
    const error = await rejection<AxiosError>(api.get('http://orders/'));
    expect(error).to.deep.include({
      isAxiosError: true,
      code: 'ERR_BAD_RESPONSE',
      status: 503,
      message: 'Request failed with status code 503',
    });
    expect(error.response?.data).to.equal('from b');
    expect(error.config).to.equal(error.response?.config);
    expect(error.config?.url).to.equal('http://orders/');
    expect(error.config).not.to.have.any.keys('httpAgent', 'proxy');
    expect(error.request.res.responseUrl).to.equal('http://orders/');
    const accepted = await api.get('http://orders/', { validateStatus: (status) => status === 503 });
    expect(accepted.data).to.equal('from b');
    expect((await api.get('http://orders/', { validateStatus: null })).status).to.equal(503);
  });

  it('a 404 is an answer, and an error as axios makes it', async () => {
    const lost = await world.instance('a', (_, response) => response.writeHead(404).end('{"no":1}'));
    world.registry.put('orders', lost.endpoint);
    const { api, leases } = world.api();
    const error = await rejection<AxiosError>(api.get('http://orders/'));
    expect(error.code).to.equal('ERR_BAD_REQUEST');
    expect(error.response?.data).to.deep.equal({ no: 1 });
    expect(leases).to.have.length(1);
  });

  it('config.timeout is for all tries together, and its error is as of axios', async () => {
    const hung = await world.instance('a', () => {});
    world.registry.put('orders', hung.endpoint, (await world.instance('b', () => {})).endpoint);
    const { api, engine, leases } = world.api();
    const startedAt = performance.now();
    const error = await rejection<AxiosError>(
      api.get('http://orders/', { timeout: 200, crowfly: { timeouts: { firstByteMs: 120 } } }),
    );
    expect(performance.now() - startedAt).to.be.above(190);
    expect(error).to.include({ code: 'ECONNABORTED', message: 'timeout of 200ms exceeded' });
    expect(error.config?.timeout).to.equal(200);
    expect(isCrowflyError(error.cause, 'timeout')).to.equal(true);
    expect(leases).to.have.length(2);
    const clarified = await rejection<AxiosError>(
      api.get('http://orders/', {
        timeout: 50,
        timeoutErrorMessage: 'too slow',
        transitional: { clarifyTimeoutError: true },
      }),
    );
    expect(clarified).to.include({ code: 'ETIMEDOUT', message: 'too slow' });
    expect(await inFlight(engine)).to.equal(0);
  });

  it('a longer config.timeout wins over the default limit of a call', async () => {
    const slow = await world.instance('a', (_, response) => setTimeout(() => response.end('late'), 150));
    world.registry.put('orders', slow.endpoint);
    const { api } = world.api({}, { defaults: { timeouts: { totalMs: 50 } } });
    expect((await api.get('http://orders/', { timeout: 5000 })).data).to.equal('late');
    const limited = await rejection<AxiosError>(api.get('http://orders/'));
    expect(limited.code).to.equal('ECONNABORTED');
    expect(limited.message).to.include('timeouts.totalMs');
  });

  it('a body that takes longer than config.timeout is fine while it flows, and ends when it falls silent', async () => {
    const slow = await world.instance('a', (request, response) => {
      let parts = 0;
      const timer = setInterval(() => {
        response.write('part,');
        if (++parts < (request.url === '/ends' ? 12 : 2)) return;
        clearInterval(timer);
        if (request.url === '/ends') response.end();
      }, 60);
    });
    world.registry.put('orders', slow.endpoint);
    // Ten times what is between two parts: a busy machine may be late with one.
    const { api, leases } = world.api({ timeout: 600 });
    expect((await api.get('http://orders/ends')).data).to.equal('part,'.repeat(12));
    const error = await rejection<AxiosError>(api.get('http://orders/silent'));
    expect(error).to.include({ code: 'ECONNABORTED', message: 'timeout of 600ms exceeded' });
    const { data } = await api.get('http://orders/silent', { responseType: 'stream' });
    expect(await rejection(text(data))).to.include({ code: 'ECONNABORTED' });
    await until(() => leases.every(({ done }) => done.length > 0));
    expect(leases.map(({ done }) => done[0]?.kind)).to.deep.equal(['answered', 'canceled', 'canceled']);
  });

  it('streams flow both ways at once', async () => {
    const mirror = await world.instance('a', (request, response) => request.pipe(response));
    world.registry.put('orders', mirror.endpoint);
    const { api, engine } = world.api();
    const upload = new PassThrough();
    upload.write('first,');
    const { data } = await api.post('http://orders/', upload, { responseType: 'stream' });
    expect(await inFlight(engine)).to.equal(1);
    const received = text(data);
    upload.end('second');
    expect(await received).to.equal('first,second');
    await until(async () => (await inFlight(engine)) === 0);
  });

  it('a body that breaks off is an error, and is held against the instance', async () => {
    const breaking = await world.instance('a', (request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.resetAndDestroy());
    });
    world.registry.put('orders', breaking.endpoint);
    const { api, leases, engine } = world.api();
    const error = await rejection<AxiosError>(api.get('http://orders/'));
    expect(error.config?.httpAgent).to.equal(undefined);
    const { data } = await api.get('http://orders/', { responseType: 'stream' });
    const broken = await rejection(text(data));
    expect(broken.code).to.equal('ECONNRESET');
    await until(() => leases.every(({ done }) => done.length > 0));
    expect(leases.map(({ done }) => done.map(({ kind }) => kind))).to.deep.equal([
      ['body-broken'],
      ['body-broken'],
    ]);
    expect(await inFlight(engine)).to.equal(0);
  });

  it('a body stream that fails is the caller’s error, and no instance is blamed', async () => {
    world.registry.put('orders', (await good('a')).endpoint);
    const { api, engine } = world.api();
    const upload = new Readable({ read() {} });
    upload.push('part');
    setTimeout(() => upload.destroy(new Error('disk failed')), 30);
    const error = await rejection<AxiosError>(
      api.post('http://orders/', upload, { crowfly: { idempotent: true } }),
    );
    expect(error.message).to.equal('disk failed');
    const { instances } = await engine.explain('orders');
    expect(instances[0]).to.include({ state: 'eligible', picks: 1, inFlight: 0 });
  });

  it('a request that cannot be sent fails once, with the error of axios', async () => {
    world.registry.put('orders', (await good('a')).endpoint, (await good('b')).endpoint);
    const { api, leases } = world.api();
    const error = await rejection<AxiosError>(api.get('http://orders/', { headers: { 'bad name': 'x' } }));
    expect(error.code).to.equal('ERR_INVALID_HTTP_TOKEN');
    expect(leases).to.have.length(1);
    const unsupported = await rejection<AxiosError>(api.get('http://orders/', { httpVersion: 2 }));
    expect(unsupported.code).to.equal('ERR_NOT_SUPPORT');
    const odd = await rejection<AxiosError>(api.get('http://orders/', { timeout: 'soon' as never }));
    expect(odd.code).to.equal('ERR_BAD_OPTION_VALUE');
  });
});
