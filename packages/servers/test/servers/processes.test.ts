import { existsSync, readFileSync } from 'node:fs';
import { type Kubernetes, requireKubernetes, type ServerProcess, until } from '@crowfly/servers';
import { expect } from 'chai';
import { openWatch } from './support/watch.js';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';

describe('the processes of a cluster', () => {
  let cluster: Kubernetes;
  let slices = 0;
  before(async function () {
    cluster = await requireKubernetes(this);
    await cluster.namespace('shop');
    await cluster.service('shop', 'manual');
  });
  after(() => cluster?.close());

  const write = async (): Promise<string> => {
    const name = `manual-${++slices}`;
    await cluster.slice('shop', name, { service: 'manual', endpoints: ['10.77.0.1'] });
    return name;
  };
  const names = async (): Promise<string[]> =>
    (await cluster.slices('shop', 'manual')).map(({ metadata }) => metadata.name);

  for (const which of ['apiserver', 'etcd'] as const) {
    it(`keep the data when the ${which} is killed with -9 and started again, on the same port`, async () => {
      const name = await write();
      const { pid } = cluster[which];
      await cluster[which].kill();
      expect(cluster[which].pid).to.equal(undefined);
      await cluster[which].start();
      await cluster.apiserver.ready();
      expect(cluster[which].pid).to.not.equal(pid);
      expect(await names()).to.include(name);
      await write();
    }).timeout(120_000);
  }

  it('cut watches when the API server is killed', async () => {
    const { metadata } = await cluster.ok('GET', SLICES);
    const watch = await openWatch(cluster, SLICES, metadata.resourceVersion);
    await until('the head', () => watch.status);
    await cluster.apiserver.kill();
    await until('the end', () => watch.ended);
    await cluster.apiserver.start();
  }).timeout(120_000);

  it('keep watches open and silent while the API server is frozen; what happened follows the thaw', async () => {
    const { metadata } = await cluster.ok('GET', SLICES);
    const watch = await openWatch(cluster, SLICES, metadata.resourceVersion);
    await until('the head', () => watch.status);
    await cluster.apiserver.freeze();
    const late = write();
    const silent = await openWatch(cluster, SLICES, metadata.resourceVersion);
    expect(stateOf(cluster.apiserver)).to.equal('T');
    expect(watch).to.deep.include({ events: [], ended: false });
    expect(silent).to.deep.include({ status: undefined, ended: false });
    await cluster.apiserver.thaw();
    const name = await late;
    for (const one of [watch, silent]) {
      const event = await until('the event', () =>
        one.events.find(({ object }) => object.metadata.name === name),
      );
      expect(event.type).to.equal('ADDED');
      one.close();
    }
  }).timeout(120_000);

  it('can be stopped while they are frozen', async () => {
    await cluster.controllerManager.freeze();
    await cluster.controllerManager.stop();
    await cluster.controllerManager.start();
    await cluster.etcd.freeze();
    await cluster.etcd.thaw();
    await cluster.apiserver.ready();
  }).timeout(120_000);

  it('tell the end of the log when one does not come up', async () => {
    const port = new URL(cluster.origin).port;
    await cluster.etcd.kill();
    await cluster.apiserver.kill();
    const error: Error = await cluster.apiserver.start().then(
      () => expect.fail('it started without etcd'),
      (reason) => reason,
    );
    expect(error).to.include({ name: 'ServersError', code: 'start-failed' });
    expect(error.message)
      .to.match(/kube-apiserver.*\nthe end of .*kube-apiserver\.log:\n/)
      .and.not.include(cluster.adminToken);
    await cluster.etcd.start();
    await cluster.apiserver.start();
    expect(new URL(cluster.origin).port).to.equal(port);
  }).timeout(180_000);

  it('are gone after close, with everything they wrote', async () => {
    const pids = [cluster.etcd, cluster.apiserver, cluster.controllerManager].map(({ pid }) => pid!);
    await cluster.close();
    await cluster.close();
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).to.deep.equal([]);
    expect(existsSync(cluster.directory)).to.equal(false);
  });
});

const stateOf = ({ pid }: ServerProcess): string | undefined =>
  /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
