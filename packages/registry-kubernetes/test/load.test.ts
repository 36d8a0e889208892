import { expect } from 'chai';
import { pods, slice } from './support/objects.ts';
import { forbidden } from './support/replies.ts';
import { Rig } from './support/rig.ts';

describe('names that somebody makes up', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start();
  });
  afterEach(() => rig.close());

  /** As core does: a name that turns out to be unknown is not followed any longer. */
  async function ask(name: string): Promise<void> {
    const watched = rig.watch(name);
    for (let turn = 0; watched.said.length === 0; turn++) {
      if (turn > 500) expect.fail(`nothing was said of ${name}`);
      await rig.pass(100, 100);
    }
    await watched.end();
  }

  const since = (began: number): number => (rig.clock.now() - began) / 1000;

  it('one after the other, do not list a namespace without end', async () => {
    const began = rig.clock.now();
    for (let count = 0; count < 60; count++) await ask(`made-up-${count}`);
    expect(rig.server.count('list')).to.be.at.most(21 + since(began));
    expect(rig.server.count('watch')).to.be.at.most(21 + since(began));
  });

  it('beside a service in use, do not list it again and again', async () => {
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: pods('10.0.0.1') }));
    await rig.watch('orders').says('10.0.0.1:8080');
    const began = rig.clock.now();
    for (let count = 0; count < 60; count++) await ask(`made-up-${count}`);
    expect(rig.server.count('list')).to.be.at.most(22 + since(began));
  });

  it('all at once, do not ask for a thousand Services at once', async () => {
    const began = rig.clock.now();
    for (let count = 0; count < 1_000; count++) rig.watch(`made-up-${count}`);
    await rig.pass(2_000, 100);
    const asked = rig.server.count('get', 'services');
    expect(asked)
      .to.be.at.least(100)
      .and.at.most(101 + 10 * since(began));
    expect(rig.server.count('get', 'namespaces')).to.be.at.most(101 + 10 * since(began));
  });

  it('do not keep a service with several ports waiting', async () => {
    for (let count = 0; count < 500; count++) rig.watch(`made-up-${count}`);
    await rig.pass(200, 100);
    const ports = [
      { name: 'http', port: 8080 },
      { name: 'admin', port: 9090 },
    ];
    rig.server.cluster.put(
      'endpointslices',
      slice({ name: 's1', service: 'users', ports, endpoints: pods('10.0.0.2') }),
    );
    const users = rig.watch('users');
    await rig.pass(2_000, 100);
    await users.says('10.0.0.2:8080');
  });

  it('in namespaces that are made up, do not list each of them at once', async () => {
    const began = rig.clock.now();
    for (let count = 0; count < 150; count++) await ask(`orders.made-up-${count}`);
    expect(rig.server.count('list')).to.be.at.most(101 + 5 * since(began));
  });

  it('in namespaces that may not be read, do not keep one waiting that is in use', async () => {
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: pods('10.0.0.1') }));
    await rig.watch('orders').says('10.0.0.1:8080');
    rig.server.interfere({ verb: 'list' }, ({ namespace }) =>
      namespace === 'shop' || namespace === 'stock'
        ? undefined
        : forbidden('list', 'endpointslices', namespace),
    );
    for (let count = 0; count < 1_000; count++) rig.watch(`orders.made-up-${count}`);
    await rig.pass(500, 100);
    rig.server.cutWatches();
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: pods('10.0.0.2') }));
    await rig.pass(1_000, 100);
    await rig.watch('orders').says('10.0.0.2:8080');
  });
});
