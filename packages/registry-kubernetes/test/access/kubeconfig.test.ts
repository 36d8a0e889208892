import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inspect } from 'node:util';
import { isCrowflyError } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import type { KubernetesOptions } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';
import type { Place } from '../../dist/access/access.js';
import { findPlace } from '../../dist/access/place.js';
import { ApiClient } from '../../dist/api/client.js';
import { ApiServer, fixturePath } from '../support/api-server.ts';
import { Folder } from '../support/folder.ts';
import { service } from '../support/objects.ts';

const base64 = (name: string): string => readFileSync(fixturePath(name)).toString('base64');

interface Kubeconfig {
  readonly name?: string;
  readonly server?: string;
  readonly cluster?: object;
  readonly user?: object;
  readonly current?: string | undefined;
  readonly namespace?: string;
}

/** As kubectl writes it; JSON is YAML. */
function kubeconfig({
  name = 'dev',
  server = 'https://10.0.0.1:6443',
  cluster = {},
  user = {},
  namespace = 'shop',
  ...more
}: Kubeconfig): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'current' in more ? more.current : name,
    clusters: [{ name: `${name}-cluster`, cluster: { server, ...cluster } }],
    users: [{ name: `${name}-user`, user }],
    contexts: [{ name, context: { cluster: `${name}-cluster`, user: `${name}-user`, namespace } }],
  });
}

describe('a kubeconfig', function () {
  // The official client takes its time to load.
  this.timeout(20_000);
  let folder: Folder;
  beforeEach(() => {
    folder = new Folder();
  });
  afterEach(() => folder.remove());

  const write = (facts: Kubeconfig, name = 'config'): string => folder.write(name, kubeconfig(facts));
  const placeOf = (path: string, options: KubernetesOptions = {}): Place =>
    findPlace({ kubeconfig: path, ...options }, {});

  async function failureOf(place: Place): Promise<Error> {
    try {
      await place.access().headers();
    } catch (error) {
      expect(isCrowflyError(error), String(error)).to.equal(true);
      return error as Error;
    }
    throw new Error('it did not fail');
  }

  it('says where, as whom, and in which namespace', () => {
    const place = placeOf(write({ server: 'https://10.0.0.1:6443/k8s/', user: { token: 'secret' } }));
    expect([place.id, place.namespace]).to.deep.equal(['kubernetes:https://10.0.0.1:6443/k8s', 'shop']);
    expect(place.access()).to.include({
      origin: 'https://10.0.0.1:6443',
      basePath: '/k8s',
      credentials: `the user 'dev-user' of ${folder.path}/config`,
    });
    expect(placeOf(write({}), { namespace: 'other' }).namespace).to.equal('other');
    expect(placeOf(write({ namespace: '' })).namespace).to.equal('default');
  });

  it('is found as kubectl finds it', () => {
    const path = write({}, '.kube/config');
    const other = write({ server: 'https://10.0.0.2' }, 'other');
    const find = (env: Record<string, string>): string =>
      findPlace({ serviceAccountDirectory: folder.path }, env).id;
    expect(find({ HOME: folder.path })).to.equal('kubernetes:https://10.0.0.1:6443');
    expect(find({ HOME: folder.path, KUBECONFIG: other })).to.equal('kubernetes:https://10.0.0.2');
    expect(find({ HOME: '/nowhere', KUBECONFIG: path })).to.equal('kubernetes:https://10.0.0.1:6443');
    // In a pod, only when a context is asked for.
    folder.write('token', 'x');
    const inPod = { HOME: folder.path, KUBERNETES_SERVICE_HOST: '10.96.0.1' };
    expect(find(inPod)).to.equal('kubernetes:https://10.96.0.1');
    expect(findPlace({ serviceAccountDirectory: folder.path, context: 'dev' }, inPod).id).to.equal(
      'kubernetes:https://10.0.0.1:6443',
    );
  });

  it('may be several files, of which the first counts where they contradict', () => {
    const dev = write({}, 'a');
    const live = write({ name: 'live', server: 'https://10.0.0.3' }, 'b');
    const again = write({ server: 'https://10.9.9.9', current: 'live' }, 'c');
    const env = {
      HOME: folder.path,
      KUBECONFIG: [join(folder.path, 'gone'), dev, live, again].join(delimiter),
    };
    const of = (context?: string): Place =>
      findPlace({ serviceAccountDirectory: folder.path, ...(context === undefined ? {} : { context }) }, env);
    expect(of().id).to.equal('kubernetes:https://10.0.0.1:6443');
    expect(of('live').id).to.equal('kubernetes:https://10.0.0.3');
  });

  for (const [what, content, message, options] of [
    [
      'that is not there',
      undefined,
      /^kubernetes\.kubeconfig: there is no file \S+: correct the path, or the environment's KUBECONFIG$/,
    ],
    [
      'that is empty',
      '',
      /^kubernetes\.kubeconfig: \S+ is no kubeconfig: expected clusters, users and contexts$/,
    ],
    ['that is something else', 'hello', /^kubernetes\.kubeconfig: \S+ is no kubeconfig/],
    ['that is a list', '[1]', /^kubernetes\.kubeconfig: \S+ is no kubeconfig/],
    ['that is no YAML', '{a: [', /^kubernetes\.kubeconfig: \S+ cannot be read: /],
    ['with half of a context', '{"contexts":[{}]}', /^kubernetes\.kubeconfig: \S+ cannot be read: /],
    [
      'without the context that is asked for',
      kubeconfig({}),
      "has no context 'dex'; did you mean 'dev'?",
      { context: 'dex' },
    ],
    [
      'without a current context',
      kubeconfig({ current: undefined }),
      /^kubernetes\.context: \S+ names no current context: choose one with \{ context \} or kubectl config use-context; there are 'dev'$/,
    ],
    [
      'with a current context that is not there',
      kubeconfig({ current: 'gone' }),
      /^kubernetes\.context: \S+ has no context 'gone'/,
    ],
    [
      'with a cluster that is not there',
      '{"current-context":"a","clusters":[],"users":[],"contexts":[{"name":"a","context":{"cluster":"b","user":"c"}}]}',
      /^kubernetes\.context: the context 'a' of \S+ names a cluster that the file does not have$/,
    ],
    [
      'without a server',
      kubeconfig({ server: '' }),
      /^kubernetes\.kubeconfig: \S+ cannot be read: clusters\[0\]\.cluster\.server is missing$/,
    ],
    ['with a server that is no URL', kubeconfig({ server: 'file:///x' }), /has no server URL$/],
    [
      'that skips verification',
      kubeconfig({ cluster: { 'insecure-skip-tls-verify': true } }),
      /sets insecure-skip-tls-verify, which would give your credentials to anyone: set certificate-authority-data/,
    ],
    [
      'with a proxy',
      kubeconfig({ cluster: { 'proxy-url': 'http://proxy' } }),
      /sets proxy-url, which is not supported$/,
    ],
  ] as const) {
    it(`${what} says so to the one who asks`, async () => {
      const path = content === undefined ? join(folder.path, 'gone') : folder.write('config', content);
      const place = placeOf(path, options);
      expect([place.id, place.namespace]).to.deep.equal([`kubernetes:${path}`, 'default']);
      const error = await failureOf(place);
      expect(isCrowflyError(error, 'bad-option')).to.equal(true);
      if (typeof message === 'string') expect(error.message).to.include(message);
      else expect(error.message).to.match(message);
    });
  }

  it('needs the official client, and says which', () => {
    // In a process of its own, as this one has loaded it.
    const script = `
      import Module from 'node:module';
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...more) => {
        if (name.startsWith('@kubernetes/')) throw new Error('Cannot find module ' + name);
        return resolve.call(Module, name, ...more);
      };
      const { findPlace } = await import(${JSON.stringify(new URL('../../dist/access/place.js', import.meta.url))});
      try {
        findPlace({ kubeconfig: ${JSON.stringify(write({}))} }, {}).access();
      } catch (error) {
        console.log(error.message);
      }`;
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    });
    expect(said).to.match(
      /^kubernetes\.kubeconfig: reading a kubeconfig needs the package @kubernetes\/client-node: npm install @kubernetes\/client-node/,
    );
  });

  describe('speaks to the server', () => {
    let server: ApiServer;
    beforeEach(async () => {
      server = await ApiServer.start();
      server.cluster.put('services', service('orders'));
    });
    afterEach(() => server.close());

    const cluster = { 'certificate-authority-data': base64('ca.pem') };
    const ask = async (facts: Kubeconfig): Promise<unknown> => {
      const client = new ApiClient(
        placeOf(write({ server: server.origin, cluster, ...facts })).access(),
        new VirtualClock(),
      );
      try {
        return await client.get('services', 'shop', 'orders', new AbortController().signal);
      } catch (error) {
        return error;
      } finally {
        await client.close();
      }
    };

    it('with a token', async () => {
      server.token = 'of-ada';
      expect(await ask({ user: { token: 'of-ada' } })).to.include({ kind: 'Service' });
      const denied = (await ask({ user: { token: 'stale' } })) as Error;
      expect(denied.message).to.match(/does not accept the user 'dev-user' of \S+ \(401/);
    });

    it('with a client certificate, in the file or beside it', async () => {
      await ask({
        user: {
          'client-certificate-data': base64('client.pem'),
          'client-key-data': base64('client-key.pem'),
        },
      });
      folder.write('ada.pem', readFileSync(fixturePath('client.pem'), 'utf8'));
      await ask({ user: { 'client-certificate': 'ada.pem', 'client-key': fixturePath('client-key.pem') } });
      expect(server.seen.map(({ client }) => client)).to.deep.equal(['ada', 'ada']);
    });

    it('with a name and a password', async () => {
      await ask({ user: { username: 'ada', password: 'pass word' } });
      expect(server.seen[0]?.headers.authorization).to.equal(
        `Basic ${Buffer.from('ada:pass word').toString('base64')}`,
      );
    });

    const plugin = (script: string): object => ({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: process.execPath,
        args: [folder.write('plugin.cjs', script)],
        interactiveMode: 'Never',
      },
    });

    it('with what a plugin says', async () => {
      server.token = 'from-plugin';
      const user = plugin(
        `console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'from-plugin' } }))`,
      );
      expect(await ask({ user })).to.include({ kind: 'Service' });
    });

    for (const [what, script] of [
      ['fails', "console.error('login first'); process.exit(1)"],
      ['says nonsense', "console.log('hello')"],
    ] as const) {
      it(`and says so when a plugin ${what}`, async () => {
        const error = await ask({ user: plugin(script) });
        expect(isCrowflyError(error, 'denied'), String(error)).to.equal(true);
        expect((error as Error).message).to.match(
          /^the user 'dev-user' of \S+ has no credentials \((login first.*|its plugin printed no JSON)\): does `kubectl get services` work\?$/s,
        );
        expect(inspect(error)).not.to.include('hello');
        expect(server.seen).to.deep.equal([]);
      });
    }

    it('under another name in its certificate, when the kubeconfig says so', async () => {
      const other = { ...cluster, 'tls-server-name': 'localhost' };
      expect(await ask({ cluster: other })).to.include({ kind: 'Service' });
      const wrong = (await ask({ cluster: { ...cluster, 'tls-server-name': 'elsewhere' } })) as Error;
      expect(wrong.message).to.match(/^the certificate of \S+ is for another name/);
    });

    it('and trusts no authority but the one it names', async () => {
      const error = (await ask({
        cluster: { 'certificate-authority-data': base64('other-ca.pem') },
      })) as Error;
      expect(error.message).to.match(/^the certificate of /);
    });
  });

  it('through `kubectl proxy` sends no credentials', async () => {
    const access = placeOf(write({ server: 'http://127.0.0.1:8001', user: { token: 'secret' } })).access();
    expect([await access.headers(), await access.connection()]).to.deep.equal([{}, {}]);
  });
});
