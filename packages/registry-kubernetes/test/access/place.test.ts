import { readFileSync } from 'node:fs';
import { isCrowflyError } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { findPlace } from '../../dist/access/place.js';
import { ApiClient } from '../../dist/api/client.js';
import { ApiServer, fixturePath } from '../support/api-server.ts';
import { Folder } from '../support/folder.ts';
import { pods, slice } from '../support/objects.ts';
import { until } from '../support/rig.ts';

const never = new AbortController().signal;

function failure(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
}

describe('where the API server is', () => {
  let folder: Folder;
  beforeEach(() => {
    folder = new Folder();
  });
  afterEach(() => folder.remove());

  const pod = (
    env: Record<string, string> = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' },
    options = {},
  ) => findPlace({ serviceAccountDirectory: folder.path, ...options }, { HOME: folder.path, ...env });

  it('in a pod: the environment and the files of its account', async () => {
    folder.write('token', 'abc.def\n');
    folder.write('ca.crt', 'PEM');
    folder.write('namespace', 'shop\n');
    const place = pod();
    expect([place.id, place.namespace]).to.deep.equal(['kubernetes:https://10.96.0.1:6443', 'shop']);
    const access = place.access();
    expect(access.origin).to.equal('https://10.96.0.1:6443');
    expect(access.credentials).to.equal(`the token in ${folder.path}/token`);
    expect(await access.headers()).to.deep.equal({ authorization: 'Bearer abc.def' });
    expect(await access.connection()).to.deep.equal({ ca: 'PEM' });
    expect(pod(undefined, { namespace: 'other' }).namespace).to.equal('other');
    expect(pod({ KUBERNETES_SERVICE_HOST: 'fd00::1' }).id).to.equal('kubernetes:https://[fd00::1]');
  });

  it('in a pod: a namespace that is none is the default', () => {
    folder.write('token', 'abc');
    expect(pod().namespace).to.equal('default');
    folder.write('namespace', '../x');
    expect(pod().namespace).to.equal('default');
  });

  it('the files are read again for each request and connection', async () => {
    folder.write('token', 'one');
    folder.write('ca.crt', 'first');
    const access = pod().access();
    await access.headers();
    folder.write('token', 'two');
    folder.write('ca.crt', 'second');
    expect(await access.headers()).to.deep.equal({ authorization: 'Bearer two' });
    expect(await access.connection()).to.deep.equal({ ca: 'second' });
  });

  for (const [what, content] of [
    ['no token', ''],
    ['two lines', 'abc\ndef'],
    ['a header of its own', 'abc\r\nx: y'],
    ['spaces', 'a b'],
    ['bytes', 'ä'],
  ] as const) {
    it(`a token file with ${what} is refused, and not shown`, async () => {
      folder.write('token', content);
      const error = await pod()
        .access()
        .headers()
        .then(
          () => undefined,
          (thrown: Error) => thrown,
        );
      expect(isCrowflyError(error, 'bad-option')).to.equal(true);
      expect(error?.message).to.equal(
        `kubernetes: ${folder.path}/token holds no bearer token: expected one line of printable characters`,
      );
    });
  }

  it('a token that is gone says where it was', async () => {
    folder.write('token', 'abc');
    const access = pod().access();
    folder.remove();
    folder = new Folder();
    const error = await access.headers().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).to.match(
      /^kubernetes: \S+\/token cannot be read \(ENOENT\): is it mounted into this pod\?$/,
    );
  });

  it('given as options: origin, what stands behind it, files', async () => {
    const tokenFile = folder.write('t', 'abc');
    const place = findPlace({ server: 'https://Gateway.example:443/k8s/c-1/', tokenFile }, {});
    expect([place.id, place.namespace]).to.deep.equal([
      'kubernetes:https://gateway.example/k8s/c-1',
      'default',
    ]);
    const { origin, basePath, headers, connection } = place.access();
    expect([origin, basePath]).to.deep.equal(['https://gateway.example', '/k8s/c-1']);
    expect([await headers(), await connection()]).to.deep.equal([{ authorization: 'Bearer abc' }, {}]);
    expect(await findPlace({ server: 'http://127.0.0.1:8001' }, {}).access().headers()).to.deep.equal({});
  });

  it('nowhere: says what was looked for, and only when somebody asks', () => {
    const place = pod({});
    expect([place.id, place.namespace]).to.deep.equal(['kubernetes:', 'default']);
    const error = failure(() => place.access());
    expect(isCrowflyError(error, 'bad-option')).to.equal(true);
    expect(error.message).to.match(
      /^there is no cluster to ask: this is no pod \(no \S+\/token, or no KUBERNETES_SERVICE_HOST\), and there is no kubeconfig/,
    );
  });

  it('speaks to the server behind a path, with the token of the moment', async () => {
    const server = await ApiServer.start();
    server.basePath = '/k8s/c-1';
    server.token = 'one';
    server.cluster.put('endpointslices', slice({ name: 's', endpoints: pods('10.0.0.1') }));
    const tokenFile = folder.write('t', 'one');
    const access = findPlace(
      { server: `${server.origin}/k8s/c-1`, tokenFile, caFile: fixturePath('ca.pem') },
      {},
    ).access();
    const client = new ApiClient(access, new VirtualClock());
    const items: unknown[] = [];
    const list = (): Promise<string> =>
      client.list({ resource: 'endpointslices', namespace: 'shop', selector: '' }, '0', never, (item) =>
        items.push(item),
      );
    await list();
    server.token = 'two';
    const denied = await list().then(
      () => undefined,
      (error: Error) => error,
    );
    expect(denied?.message).to.include(`does not accept the token in ${tokenFile} (401`);
    folder.write('t', 'two');
    await list();
    expect(items).to.have.lengthOf(2);
    expect(server.front.accepted).to.equal(1);
    await client.close();
    await until(
      () => server.front.open === 0,
      () => 'a connection is left',
    );
    await server.close();
  });

  it('does not trust a server whose certificate another authority signed', async () => {
    const server = await ApiServer.start();
    const ca = folder.write('ca', readFileSync(fixturePath('other-ca.pem'), 'utf8'));
    const client = new ApiClient(
      findPlace({ server: server.origin, caFile: ca }, {}).access(),
      new VirtualClock(),
    );
    const get = (): Promise<unknown> => client.get('services', 'shop', 'orders', never);
    const error = await get().then(
      () => undefined,
      (thrown: Error) => thrown,
    );
    expect(error?.message).to.match(
      /^the certificate of https:\/\/127\S+ (is signed by an unknown authority|was not signed by the authority)/,
    );
    expect(server.seen).to.deep.equal([]);
    // And once the file is the right one, the next connection is.
    folder.write('ca', readFileSync(fixturePath('ca.pem'), 'utf8'));
    expect(await get()).to.equal(undefined);
    await client.close();
    await server.close();
  });
});
