import { inspect } from 'node:util';
import { axiosAdapter } from '@crowfly/client-axios';
import { CrowflyError, type Engine, type ErrorCode } from '@crowfly/core';
import axios, { AxiosError, type AxiosRequestConfig } from 'axios';
import { expect } from 'chai';
import { rejection, World } from './support/world.ts';

describe('errors', () => {
  const world = new World();
  afterEach(() => world.close());

  async function failing(error: unknown, config: AxiosRequestConfig = {}): Promise<AxiosError> {
    const engine = {
      route: () => ({ scheme: 'http', authority: 'orders', hostname: 'orders', service: 'orders' }),
      own: (_: symbol, create: () => unknown) => create(),
      on: () => () => {},
      call: async () => {
        throw error;
      },
    } as unknown as Engine;
    return rejection(axios.get('http://orders/', { adapter: axiosAdapter(engine), ...config }));
  }

  const codes: Record<ErrorCode, string> = {
    'call-failed': 'ECONNREFUSED',
    'unknown-service': 'ENOTFOUND',
    'no-instances': 'ERR_NETWORK',
    'registry-failed': 'ERR_NETWORK',
    denied: 'ERR_NETWORK',
    'registry-timeout': 'ERR_NETWORK',
    'too-many-services': 'ERR_NETWORK',
    closed: 'ERR_NETWORK',
    timeout: 'ECONNABORTED',
    'bad-name': 'ERR_INVALID_URL',
    'bad-request': 'ERR_BAD_REQUEST',
    'bad-option': 'ERR_BAD_OPTION_VALUE',
    'bad-data': 'ERR_NETWORK',
  };

  for (const [code, expected] of Object.entries(codes) as [ErrorCode, string][]) {
    it(`${code} has the code that callers of axios test for: ${expected}`, async () => {
      const last = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      const cause = new CrowflyError(code, 'what happened', { service: 'orders', cause: last });
      const error = await failing(cause);
      expect(error).to.be.instanceOf(AxiosError);
      expect(error).to.include({
        code: expected,
        message: 'what happened',
        name: 'AxiosError',
        isAxiosError: true,
      });
      expect(error.cause).to.equal(cause);
      expect(Object.keys(error)).not.to.include('cause');
      expect(error.config?.url).to.equal('http://orders/');
    });
  }

  it('a last try without a code gives ERR_NETWORK', async () => {
    expect((await failing(new CrowflyError('call-failed', 'x', { cause: new Error('y') }))).code).to.equal(
      'ERR_NETWORK',
    );
  });

  it('what is no error of crowfly passes as it is', async () => {
    const odd = new TypeError('odd');
    expect(await failing(odd)).to.equal(odd);
  });

  it('no credential gets into a message, nor into the cause', async () => {
    world.registry.put('orders', await world.refused('a'));
    const { api } = world.api();
    const error = await rejection<AxiosError>(
      api.get('http://orders/', {
        auth: { username: 'user', password: 'canary-1' },
        headers: { Authorization: 'canary-2' },
        params: { token: 'canary-3' },
      }),
    );
    expect(error.code).to.equal('ECONNREFUSED');
    const cause = error.cause as CrowflyError;
    expect(`${error.message} ${error.stack} ${cause.message} ${cause.stack}`).not.to.include('canary');
    expect(inspect({ ...cause }, { depth: 3 })).not.to.include('canary');
  });

  it('user info in the URL of a service is refused', async () => {
    const { api } = world.api();
    const error = await rejection<AxiosError>(api.get('http://user:canary@orders/'));
    expect(error.code).to.equal('ERR_INVALID_URL');
    expect(error.message).not.to.include('canary');
  });
});
