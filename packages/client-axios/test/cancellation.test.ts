import { PassThrough } from 'node:stream';
import axios, { type AxiosError, type AxiosRequestConfig } from 'axios';
import { expect } from 'chai';
import { type Api, inFlight, rejection, text, until, World } from './support/world.ts';

describe('giving up on a call', () => {
  const world = new World();
  let hung: string[];
  afterEach(() => world.close());

  /** `/head` never answers, `/body` never ends its body. */
  async function service(): Promise<Api> {
    hung = [];
    const instance = await world.instance('a', (request, response) => {
      hung.push(request.url ?? '');
      request.on('close', () => hung.splice(hung.indexOf(request.url ?? ''), 1));
      if (request.url === '/body') response.write('begun');
    });
    world.registry.put('orders', instance.endpoint);
    return world.api();
  }

  const ways: Record<string, () => { config: AxiosRequestConfig; giveUp(): void; message: string }> = {
    'an AbortSignal': () => {
      const controller = new AbortController();
      return { config: { signal: controller.signal }, giveUp: () => controller.abort(), message: 'canceled' };
    },
    'a cancel token': () => {
      const source = axios.CancelToken.source();
      return {
        config: { cancelToken: source.token },
        giveUp: () => source.cancel('enough'),
        message: 'enough',
      };
    },
    'a signal of another make': () => {
      const listeners = new Set<() => void>();
      const signal = {
        aborted: false,
        addEventListener: (_: string, listener: () => void) => listeners.add(listener),
        removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
      };
      const giveUp = (): void => {
        signal.aborted = true;
        for (const listener of listeners) listener();
      };
      return { config: { signal }, giveUp, message: 'canceled' };
    },
  };

  for (const [name, way] of Object.entries(ways)) {
    it(`${name} ends the call before it is sent`, async () => {
      const { api, leases } = await service();
      const { config, giveUp, message } = way();
      giveUp();
      const error = await rejection<AxiosError>(api.get('http://orders/head', config));
      expect(error).to.include({ code: 'ERR_CANCELED', message });
      expect(leases).to.deep.equal([]);
    });

    it(`${name} ends the call while it waits for the answer, at once and without another try`, async () => {
      const { api, engine, leases } = await service();
      const { config, giveUp, message } = way();
      const failed = rejection<AxiosError>(api.get('http://orders/head', config));
      await until(() => hung.length === 1);
      giveUp();
      const error = await failed;
      expect(axios.isCancel(error)).to.equal(true);
      expect(error).to.include({ code: 'ERR_CANCELED', message });
      expect(leases).to.have.length(1);
      await until(async () => hung.length === 0 && (await inFlight(engine)) === 0);
    });

    it(`${name} ends the call within the body`, async () => {
      const { api, engine, leases } = await service();
      const { config, giveUp } = way();
      const failed = rejection<AxiosError>(api.get('http://orders/body', config));
      await until(() => leases[0]?.responded.length === 1);
      giveUp();
      expect((await failed).code).to.equal('ERR_CANCELED');
      await until(async () => hung.length === 0 && (await inFlight(engine)) === 0);
      expect(leases[0]?.done).to.deep.equal([{ kind: 'canceled' }]);
    });

    it(`${name} ends a stream that is being read`, async () => {
      const { api, engine, leases } = await service();
      const { config, giveUp } = way();
      const response = await api.get('http://orders/body', { ...config, responseType: 'stream' });
      const failed = rejection(text(response.data));
      giveUp();
      expect((await failed).code).to.equal('ERR_CANCELED');
      await until(async () => hung.length === 0 && (await inFlight(engine)) === 0);
      expect(leases[0]?.done).to.deep.equal([{ kind: 'canceled' }]);
    });
  }

  it('a time limit of the caller (AbortSignal.timeout) is evidence against the instance, another abort is none', async () => {
    const hanging = await Promise.all(['a', 'b'].map((id) => world.instance(id, () => {})));
    world.registry.put('orders', ...hanging.map(({ endpoint }) => endpoint));
    const { api, engine, leases } = world.api({}, { defaults: { ejection: { timeouts: 1, maxShare: 1 } } });
    const states = async (): Promise<string[]> => {
      const { instances } = await engine.explain('orders');
      return instances.map(({ endpoint, state }) => `${endpoint.id} ${state}`).sort();
    };
    const controller = new AbortController();
    const failed = rejection(api.get('http://orders/', { signal: controller.signal }));
    await until(() => leases.length === 1);
    controller.abort();
    await failed;
    expect(await states()).to.deep.equal(['a eligible', 'b eligible']);
    const error = await rejection<AxiosError>(api.get('http://orders/', { signal: AbortSignal.timeout(60) }));
    expect(error.code).to.equal('ERR_CANCELED');
    expect(await states()).to.deep.equal(['a ejected', 'b eligible']);
  });

  it('a signal that outlives its calls keeps nothing of them', async () => {
    const { api } = await service();
    const instance = await world.instance('b', (_, response) => response.end('ok'));
    world.registry.put('orders', instance.endpoint);
    const controller = new AbortController();
    const counts = { added: 0, removed: 0 };
    const { signal } = controller;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: unknown[]) => {
      counts.added++;
      Reflect.apply(addEventListener, signal, args);
    };
    signal.removeEventListener = (...args: unknown[]) => {
      counts.removed++;
      Reflect.apply(removeEventListener, signal, args);
    };
    await api.get('http://orders/', { signal });
    const { data } = await api.get('http://orders/', { signal, responseType: 'stream' });
    await text(data);
    await until(() => counts.removed >= counts.added);
    expect(counts.added).to.be.greaterThan(0);
  });

  it('a reader that stops early frees the instance', async () => {
    const { api, engine, leases } = await service();
    const { data } = await api.get('http://orders/body', { responseType: 'stream' });
    data.destroy();
    await until(async () => hung.length === 0 && (await inFlight(engine)) === 0);
    expect(leases[0]?.done).to.deep.equal([{ kind: 'canceled' }]);
  });

  it('a call given up while its body is prepared sends nothing', async () => {
    const { api, engine, leases } = await service();
    const controller = new AbortController();
    // As the package form-data: its length is known later.
    const form = Object.assign(new PassThrough(), {
      [Symbol.toStringTag]: 'FormData',
      append() {},
      getHeaders: () => ({ 'content-type': 'multipart/form-data; boundary=x' }),
      getLength: (done: (error: null, length: number) => void) => setTimeout(() => done(null, 1), 30),
    });
    const failed = rejection<AxiosError>(api.post('http://orders/head', form, { signal: controller.signal }));
    await until(() => leases.length === 1);
    controller.abort();
    expect((await failed).code).to.equal('ERR_CANCELED');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(hung).to.deep.equal([]);
    expect(await inFlight(engine)).to.equal(0);
  });

  it('closing the discovery ends a call that waits, with a typed cause', async () => {
    const { api, engine } = await service();
    const failed = rejection<AxiosError>(api.get('http://orders/head'));
    await until(() => hung.length === 1);
    await engine.close();
    const error = await failed;
    expect(error).to.include({ code: 'ERR_NETWORK', isAxiosError: true });
    expect((error.cause as { code?: string }).code).to.equal('closed');
    const later = await rejection<AxiosError>(api.get('http://orders/head'));
    expect((later.cause as { code?: string }).code).to.equal('closed');
  });
});
