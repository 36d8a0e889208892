import { axiosAdapter } from '@crowfly/client-axios';
import { CrowflyError, createEngine } from '@crowfly/core';
import type { AxiosError } from 'axios';
import { expect } from 'chai';
import type {} from './support/commonjs.cts';
import { inOrder, rejection, World } from './support/world.ts';

describe('options', () => {
  const world = new World();
  afterEach(() => world.close());

  const wrong: [string, unknown, RegExp][] = [
    [
      'a misspelt option',
      { tlss: {} },
      /axiosAdapter\(engine, options\)\.tlss: there is no such option; did you mean 'tls'\?/,
    ],
    [
      'verification turned off',
      { tls: { rejectUnauthorized: false } },
      /\.tls\.rejectUnauthorized: there is no such option/,
    ],
    ['something that is not axios', { axios: {} }, /\.axios: expected the axios module, got an object/],
    ['no object', 7, /axiosAdapter\(engine, options\): expected an object/],
  ];
  for (const [name, options, message] of wrong) {
    it(`${name} is refused with its path`, () => {
      expect(() => axiosAdapter(world.engine(), options as object))
        .to.throw(CrowflyError, message)
        .with.property('code', 'bad-option');
    });
  }

  it('takes a discovery whose service names are typed', () => {
    const engine = createEngine<'orders' | 'users'>(inOrder, { logger: false, env: false });
    expect(axiosAdapter(engine)).to.be.a('function');
  });

  it('config.crowfly is checked with each call', async () => {
    world.registry.put('orders', await world.refused('a'));
    const { api, leases } = world.api();
    const error = await rejection<AxiosError>(
      api.get('http://orders/', { crowfly: { atempts: 1 } as object }),
    );
    expect(error.code).to.equal('ERR_BAD_OPTION_VALUE');
    expect(error.message).to.equal(
      "config.crowfly.atempts: there is no such option; did you mean 'attempts'?",
    );
    expect(leases).to.deep.equal([]);
  });
});
