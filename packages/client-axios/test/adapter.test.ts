import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { axiosAdapter } from '@crowfly/client-axios';
import type { Engine } from '@crowfly/core';
import axios, { AxiosError } from 'axios';
import { expect } from 'chai';
import { type Instance, rejection, text, until, World } from './support/world.ts';

describe('axiosAdapter', () => {
  const world = new World();
  let echo: Instance;

  beforeEach(async () => {
    echo = await world.instance('a', async (request, response) => {
      const body = await text(request);
      const { method, url, headers } = request;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ method, url, headers, body }));
    });
    world.registry.put('orders', echo.endpoint);
  });
  afterEach(() => world.close());

  it('calls a service by name; URL, Host header and config stay as the caller wrote them', async () => {
    const { api } = world.api();
    const response = await api.get('http://orders:8080/v1/42?x=1', { params: { y: 'ü' }, timeout: 5000 });
    expect(response.status).to.equal(200);
    expect(response.data.url).to.equal('/v1/42?x=1&y=%C3%BC');
    expect(response.data.headers.host).to.equal('orders:8080');
    expect(response.config.url).to.equal('http://orders:8080/v1/42?x=1');
    expect(response.config.timeout).to.equal(5000);
    expect(response.config.adapter).to.equal(api.defaults.adapter);
    expect(response.config.validateStatus).to.equal(api.defaults.validateStatus);
    expect(response.config).not.to.have.any.keys('httpAgent', 'httpsAgent', 'proxy');
    expect(response.request.res.responseUrl).to.equal('http://orders:8080/v1/42?x=1&y=%C3%BC');
  });

  it('builds URLs as axios does: baseURL, absolute URLs over it, allowAbsoluteUrls', async () => {
    const { api } = world.api({ baseURL: 'http://orders/api/' });
    expect((await api.get('/v1')).data.url).to.equal('/api/v1');
    expect((await api.get('')).data.url).to.equal('/api/');
    expect((await api.get(`${echo.origin}/direct`)).data.headers.host).to.equal(new URL(echo.origin).host);
    const kept = await api.get('http://users/v1', { allowAbsoluteUrls: false });
    expect(kept.data).to.include({ url: '/api/http://users/v1' });
  });

  it('a URL that names no service goes to axios untouched', async () => {
    const { api, leases } = world.api();
    const response = await api.get(`${echo.origin}/x`, { httpAgent: undefined });
    expect(response.data.url).to.equal('/x');
    expect(leases).to.deep.equal([]);
    const error = await rejection<AxiosError>(api.get('/relative'));
    expect(error.code).to.equal('ERR_INVALID_URL');
    expect((await api.get('data:text/plain,hello', { responseType: 'text' })).data).to.equal('hello');
  });

  it('a Unix socket leads where it leads, whatever host the URL names', async () => {
    const path = join(tmpdir(), `crowfly-${process.pid}.sock`);
    const server = createServer((_, response) => response.end('socket'));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    try {
      const { api, leases } = world.api();
      expect((await api.get('http://orders/', { socketPath: path })).data).to.equal('socket');
      expect(leases).to.deep.equal([]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('a proxy of the environment does not get calls to services', async () => {
    const proxied = await world.instance('proxy', (_, response) => response.end('proxied'));
    process.env.HTTP_PROXY = proxied.origin;
    try {
      const { api } = world.api();
      expect((await api.get('http://orders/v1')).data.url).to.equal('/v1');
      const explicit = { host: '127.0.0.1', port: proxied.endpoint.port };
      expect((await api.get('http://orders/v1', { proxy: explicit })).data.url).to.equal('/v1');
      expect(proxied.requests).to.have.length(0);
    } finally {
      delete process.env.HTTP_PROXY;
    }
  });

  it('every kind of body arrives as with axios itself', async () => {
    const { api } = world.api();
    const post = async (data: unknown, headers = {}) =>
      (await api.post('http://orders/', data, { headers })).data;
    expect((await post({ a: [1] })).body).to.equal('{"a":[1]}');
    expect((await post('plain', { 'content-type': 'text/plain' })).body).to.equal('plain');
    expect((await post(Buffer.from('bytes'))).body).to.equal('bytes');
    expect((await post(new Uint8Array([104, 105]))).body).to.equal('hi');
    expect((await post(new TextEncoder().encode('hi').buffer)).body).to.equal('hi');
    expect((await post(new URLSearchParams({ a: '1', b: 'ü' }))).body).to.equal('a=1&b=%C3%BC');
    expect((await post(new Blob(['blob'], { type: 'text/x' }))).headers['content-type']).to.equal('text/x');
    const form = new FormData();
    form.append('field', 'value');
    form.append('file', new Blob(['contents']), 'f.txt');
    const multipart = await post(form);
    expect(multipart.headers['content-type']).to.match(/^multipart\/form-data; boundary=/);
    expect(multipart.body).to.include('contents').and.include('name="field"');
    const streamed = await post(Readable.from(['one,', 'two']));
    expect(streamed.body).to.equal('one,two');
    expect(streamed.headers['transfer-encoding']).to.equal('chunked');
  });

  it('response types, decompression, progress and limits are left to axios', async () => {
    const packed = await world.instance('packed', (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
      response.end(gzipSync(JSON.stringify({ big: 'x'.repeat(10_000) })));
    });
    world.registry.put('packed', packed.endpoint);
    const { api } = world.api();
    const progress: number[] = [];
    const json = await api.get('http://packed/', {
      onDownloadProgress: ({ loaded }) => progress.push(loaded),
    });
    expect(json.data.big).to.have.length(10_000);
    await until(() => progress.length > 0);
    const raw = await api.get('http://packed/', { decompress: false, responseType: 'arraybuffer' });
    expect([...raw.data.subarray(0, 2)]).to.deep.equal([0x1f, 0x8b]);
    const stream = await api.get('http://packed/', { responseType: 'stream' });
    expect(JSON.parse(await text(stream.data)).big).to.have.length(10_000);
    const tooLong = await rejection<AxiosError>(api.get('http://packed/', { maxContentLength: 5000 }));
    expect(tooLong.message).to.include('maxContentLength size of 5000 exceeded');
    const tooBig = await rejection<AxiosError>(
      api.post('http://orders/', 'x'.repeat(100), { maxBodyLength: 10 }),
    );
    expect(tooBig.code).to.equal('ERR_BAD_REQUEST');
    const authorized = await api.get('http://orders/', { auth: { username: 'u', password: 'p' } });
    expect(authorized.data.headers.authorization).to.equal('Basic dTpw');
  });

  it('interceptors and transforms run once per call, however many tries there are', async () => {
    const down = await world.refused('0');
    world.registry.put('orders', down, echo.endpoint);
    const { api, leases } = world.api();
    const counts = { request: 0, response: 0, transform: 0 };
    api.interceptors.request.use((config) => {
      counts.request++;
      return config;
    });
    api.interceptors.response.use((response) => {
      counts.response++;
      return response;
    });
    await api.post(
      'http://orders/',
      { a: 1 },
      {
        transformRequest: [
          (data) => {
            counts.transform++;
            return JSON.stringify(data);
          },
        ],
      },
    );
    expect(leases.map(({ instance }) => instance)).to.deep.equal(['0', 'a']);
    expect(counts).to.deep.equal({ request: 1, response: 1, transform: 1 });
  });

  it('what retries through an interceptor sees the name, and is balanced anew', async () => {
    const bad = await world.instance('0', (_, response) => response.writeHead(500).end());
    world.registry.put('orders', bad.endpoint);
    const { api } = world.api();
    api.interceptors.response.use(undefined, (error: AxiosError) => {
      if (error.response?.status !== 500 || !error.config) throw error;
      expect(error.config.url).to.equal('http://orders/v1');
      world.registry.put('orders', echo.endpoint);
      return api.request(error.config);
    });
    const { data, status } = await api.get('http://orders/v1');
    expect({ status, url: data.url }).to.deep.equal({ status: 200, url: '/v1' });
  });

  it('config.crowfly of an instance and of a call are merged', async () => {
    const seen: unknown[] = [];
    const engine = world.engine();
    const spy = new Proxy(engine, {
      get(target, key) {
        if (key !== 'call') return (target as any)[key].bind(target);
        return (...args: Parameters<Engine['call']>) => {
          seen.push(args[1]);
          return target.call(...args);
        };
      },
    });
    const api = axios.create({ adapter: axiosAdapter(spy), crowfly: { timeouts: { connectMs: 400 } } });
    await api.get('http://orders/', { crowfly: { key: 'k', timeouts: { totalMs: 900 } } });
    expect(seen[0]).to.deep.include({ key: 'k', timeouts: { connectMs: 400, totalMs: 900 } });
  });

  it('another copy of axios throws its own errors', async () => {
    class OwnError extends AxiosError {}
    const { api } = world.api({}, {}, { axios: { ...axios, AxiosError: OwnError as typeof AxiosError } });
    expect(await rejection(api.get('http://nowhere/'))).to.be.instanceOf(OwnError);
  });

  it('two adapters of one engine share their connections', async () => {
    const engine = world.engine();
    for (const adapter of [axiosAdapter(engine), axiosAdapter(engine)]) {
      await axios.get('http://orders/', { adapter });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(echo.connections).to.equal(1);
  });
});
