import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import { accessOf } from '../dist/access.js';
import { type ConsulOptions, consul } from '../dist/index.js';

type Env = Readonly<Record<string, string>>;

const refused = async (act: () => unknown): Promise<{ path?: string; message: string }> => {
  try {
    await act();
  } catch (error) {
    if (isCrowflyError(error, 'bad-option')) return error;
    throw error;
  }
  throw new Error('it was taken');
};

describe('how Consul is reached', () => {
  const agents = (options: ConsulOptions, env: Env = {}): string[] =>
    accessOf(options, env).agents.map(({ origin, basePath, socketPath }) => socketPath ?? origin + basePath);

  it('is an option, else CONSUL_HTTP_ADDR, else the agent on this machine', () => {
    expect(agents({})).to.deep.equal(['http://127.0.0.1:8500']);
    expect(agents({}, { CONSUL_HTTP_ADDR: '10.0.0.1:8500' })).to.deep.equal(['http://10.0.0.1:8500']);
    expect(agents({}, { CONSUL_HTTP_ADDR: '10.0.0.1' })).to.deep.equal(['http://10.0.0.1:8500']);
    expect(agents({}, { CONSUL_HTTP_ADDR: 'https://c.example:8501' })).to.deep.equal([
      'https://c.example:8501',
    ]);
    expect(agents({}, { CONSUL_HTTP_ADDR: '10.0.0.1:8501', CONSUL_HTTP_SSL: 'true' })).to.deep.equal([
      'https://10.0.0.1:8501',
    ]);
    expect(
      agents({}, { CONSUL_HTTP_ADDR: 'http://c.example:8501', CONSUL_HTTP_SSL: '1' }),
      'TLS that was asked for is never given up, as in Consul’s own tools',
    ).to.deep.equal(['https://c.example:8501']);
    expect(agents({ address: 'http://c.example:8501' }, { CONSUL_HTTP_SSL: '1' })).to.deep.equal([
      'http://c.example:8501',
    ]);
    expect(agents({}, { CONSUL_HTTP_ADDR: 'unix:///run/consul.sock' })).to.deep.equal(['/run/consul.sock']);
    expect(
      agents({ address: ['10.0.0.1:8500', '10.0.0.2:8500'] }, { CONSUL_HTTP_ADDR: 'x:1' }),
    ).to.deep.equal(['http://10.0.0.1:8500', 'http://10.0.0.2:8500']);
    expect(agents({ address: 'https://gate.example/consul/' })).to.deep.equal([
      'https://gate.example/consul',
    ]);
  });

  it('is as whom the token says, from an option, a file, or the environment; its id holds none of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crowfly-consul-'));
    try {
      const file = join(folder, 'token');
      writeFileSync(file, 'from-the-file\n');
      const headers = async (options: ConsulOptions, env: Env = {}): Promise<unknown> =>
        accessOf(options, env).headers();
      expect(await headers({ token: 'given' }, { CONSUL_HTTP_TOKEN: 'x' })).to.deep.equal({
        'x-consul-token': 'given',
      });
      expect(await headers({}, { CONSUL_HTTP_TOKEN: 'from-env' })).to.deep.equal({
        'x-consul-token': 'from-env',
      });
      expect(await headers({ tokenFile: file })).to.deep.equal({ 'x-consul-token': 'from-the-file' });
      expect(await headers({}, { CONSUL_HTTP_TOKEN_FILE: file, CONSUL_HTTP_TOKEN: 'x' })).to.deep.equal({
        'x-consul-token': 'from-the-file',
      });
      expect(await headers({}, { CONSUL_HTTP_AUTH: 'me:secret' })).to.deep.equal({
        authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      });
      expect(await headers({})).to.deep.equal({});
      const access = accessOf({ token: 'given-secret', datacenter: 'dc1', namespace: 'team' }, {});
      expect(access.id).to.equal('consul:http://127.0.0.1:8500/dc1/team');
      expect(accessOf({}, {}).id).to.equal('consul:http://127.0.0.1:8500');
      expect(JSON.stringify(access)).not.to.contain('given-secret');
      writeFileSync(file, 'two words');
      expect((await refused(() => headers({ tokenFile: file }))).message).to.contain('holds no token');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('has TLS material that is read at each connect', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crowfly-consul-'));
    try {
      for (const name of ['ca', 'cert', 'key']) writeFileSync(join(folder, name), name);
      const env = {
        CONSUL_HTTP_ADDR: 'https://c.example',
        CONSUL_CACERT: join(folder, 'ca'),
        CONSUL_CLIENT_CERT: join(folder, 'cert'),
        CONSUL_CLIENT_KEY: join(folder, 'key'),
        CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
      };
      const access = accessOf({}, env);
      const [agent] = access.agents;
      if (agent === undefined) throw new Error('no agent');
      expect(await access.connection(agent)).to.deep.equal({
        ca: 'ca',
        cert: 'cert',
        key: 'key',
        servername: 'server.dc1.consul',
        socketPath: undefined,
      });
      writeFileSync(join(folder, 'ca'), 'another');
      expect((await access.connection(agent)).ca).to.equal('another');
      rmSync(join(folder, 'ca'));
      expect((await refused(() => access.connection(agent))).message).to.contain('cannot be read (ENOENT)');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('has an id of its own for each part of Consul, and each selection, that a set can come from', () => {
    const ways: readonly ConsulOptions[] = [
      {},
      { datacenter: 'a' },
      { namespace: 'a' },
      { partition: 'a' },
      { datacenter: 'a', namespace: 'b' },
      { datacenter: 'a', partition: 'b' },
      { namespace: 'a', partition: 'b' },
      { tags: ['a'] },
      { tags: ['a', 'b'] },
      { tags: ['a,b'] },
      { filter: 'a' },
      { taggedAddress: 'wan' },
      { warnings: true },
    ];
    const ids = ways.map((options) => accessOf(options, {}).id);
    expect(new Set(ids).size, ids.join(' ')).to.equal(ways.length);
    expect(accessOf({ tags: ['b', 'a'] }, {}).id).to.equal(accessOf({ tags: ['A', 'b'] }, {}).id);
    expect(accessOf({ token: 'x', near: '_agent', waitMs: 5_000 }, {}).id).to.equal(accessOf({}, {}).id);
  });

  it('trusts every certificate of the folder in CONSUL_CAPATH, unless a file is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'crowfly-consul-'));
    const pem = (text: string): string => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
    try {
      mkdirSync(join(folder, 'more'));
      writeFileSync(join(folder, 'b.pem'), pem('b'));
      writeFileSync(join(folder, 'a.pem'), pem('a'));
      writeFileSync(join(folder, 'more', 'c.crt'), pem('c'));
      writeFileSync(join(folder, 'README'), 'no certificate');
      const env = { CONSUL_HTTP_ADDR: 'https://c.example', CONSUL_CAPATH: folder };
      const ca = async (options: ConsulOptions, more: Env = {}): Promise<unknown> => {
        const access = accessOf(options, { ...env, ...more });
        const [agent] = access.agents;
        if (agent === undefined) throw new Error('no agent');
        return (await access.connection(agent)).ca;
      };
      expect(await ca({})).to.deep.equal([pem('a'), pem('b'), pem('c')]);
      expect(await ca({}, { CONSUL_CACERT: join(folder, 'a.pem') })).to.equal(pem('a'));
      expect(await ca({ caFile: join(folder, 'b.pem') })).to.equal(pem('b'));
      rmSync(join(folder, 'b.pem'));
      expect(await ca({})).to.deep.equal([pem('a'), pem('c')]);
      for (const name of ['a.pem', 'more']) rmSync(join(folder, name), { recursive: true });
      expect((await refused(() => ca({}))).message).to.contain('holds no certificate');
      rmSync(folder, { recursive: true });
      expect((await refused(() => ca({}))).message).to.contain('cannot be read (ENOENT)');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses what is wrong in itself, with the name of it', async () => {
    const bad: readonly (readonly [ConsulOptions, Env, string])[] = [
      [{}, { CONSUL_HTTP_ADDR: 'ftp://x' }, 'CONSUL_HTTP_ADDR'],
      [{}, { CONSUL_HTTP_SSL_VERIFY: 'false' }, 'CONSUL_HTTP_SSL_VERIFY'],
      [{}, { CONSUL_HTTP_SSL: 'perhaps' }, 'CONSUL_HTTP_SSL'],
      [{}, { CONSUL_CLIENT_CERT: '/c' }, 'CONSUL_CLIENT_CERT'],
      [{}, { CONSUL_HTTP_ADDR: '10.0.0.1:8500', CONSUL_HTTP_AUTH: 'a:b' }, 'CONSUL_HTTP_AUTH'],
      [{ address: '10.0.0.1:8500', caFile: '/ca' }, {}, 'consul.caFile'],
    ];
    for (const [options, env, path] of bad) {
      const error = await refused(() => accessOf(options, env));
      expect(error.path, JSON.stringify([options, env])).to.equal(path);
      expect(error.message).to.contain(path);
    }
    const options: readonly (readonly [object, string])[] = [
      [{ address: 'http://user:secret@x' }, 'consul.address'],
      [{ address: [] }, 'consul.address'],
      [{ address: 'unix://relative' }, 'consul.address'],
      [{ token: 'with space' }, 'consul.token'],
      [{ token: 'a', tokenFile: 'b' }, 'consul.tokenFile'],
      [{ certFile: '/c' }, 'consul.certFile'],
      [{ datacenter: '../x' }, 'consul.datacenter'],
      [{ domain: 'Consul' }, 'consul.domain'],
      [{ tags: ['a b'] }, 'consul.tags[0]'],
      [{ waitMs: 10 }, 'consul.waitMs'],
      [{ waitMs: 700_000 }, 'consul.waitMs'],
      [{ consistency: 'eventually' }, 'consul.consistency'],
      [{ adress: 'x' }, 'consul.adress'],
    ];
    for (const [wrong, path] of options) {
      const error = await refused(() => consul(wrong as ConsulOptions));
      expect(error.path, JSON.stringify(wrong)).to.equal(path);
      expect(error.message).not.to.contain('secret').and.not.to.contain('with space');
    }
    expect((await refused(() => consul({ clock: 1, random: 1 } as never))).message).to.contain(
      'with parentheses',
    );
  });
});
