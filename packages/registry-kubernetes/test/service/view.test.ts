import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { pod, pods, service, slice } from '../support/objects.ts';
import { forbidden, statusOf } from '../support/replies.ts';
import { breath, Rig } from '../support/rig.ts';

const REMOVAL_MS = 20;

describe('a service that is watched', () => {
  let rig: Rig;
  const start = async (...args: Parameters<typeof Rig.start>): Promise<Rig> => {
    rig = await Rig.start(...args);
    return rig;
  };
  const put = (name: string, ...addresses: readonly string[]): void =>
    rig.server.cluster.put('endpointslices', slice({ name, endpoints: pods(...addresses) }));
  const remove = (name: string): void => rig.server.cluster.delete('endpointslices', 'shop', name);
  afterEach(() => rig.close());

  /** The clock stands still: what takes something away has come, and waits. */
  const arrived = async (): Promise<void> => {
    for (let n = 0; n < 5; n++) {
      await breath();
      await rig.clock.advance(0);
    }
  };

  it('tells of additions at once, and of removals after 20 ms', async () => {
    const { clock } = await start();
    put('s1', '10.0.0.1');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    put('s1', '10.0.0.1', '10.0.0.2');
    await watched.says('10.0.0.1:8080 10.0.0.2:8080');
    put('s1', '10.0.0.2');
    await arrived();
    await clock.advance(REMOVAL_MS - 1);
    expect(watched.said).to.have.lengthOf(2);
    await clock.advance(1);
    await watched.says('10.0.0.2:8080');
    remove('s1');
    await arrived();
    expect(watched.said).to.have.lengthOf(3);
    await clock.advance(REMOVAL_MS);
    await watched.says(
      "unknown: there is no Service 'orders' in namespace 'shop': there is no namespace 'shop'",
    );
  });

  it('does not show the gap of an endpoint that moves between slices, in either order', async () => {
    const { clock } = await start();
    put('s1', '10.0.0.1', '10.0.0.2');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080 10.0.0.2:8080');
    put('s1', '10.0.0.1');
    await arrived();
    put('s2', '10.0.0.2');
    await arrived();
    await clock.advance(1_000);
    put('s1', '10.0.0.1', '10.0.0.2');
    await arrived();
    put('s2');
    await arrived();
    await clock.advance(1_000);
    expect(watched.said).to.have.lengthOf(1);
  });

  it('does not show that its slices are made anew under another name', async () => {
    await start();
    put('s1', '10.0.0.1');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    remove('s1');
    await arrived();
    put('s2', '10.0.0.1');
    await arrived();
    await rig.clock.advance(1_000);
    await arrived();
    expect(watched.said).to.have.lengthOf(1);
    expect(rig.server.count('get')).to.equal(0);
  });

  it('tells at once of one that begins to drain', async () => {
    await start();
    put('s1', '10.0.0.1');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    const draining = pod('10.0.0.1', { conditions: { ready: false, serving: true, terminating: true } });
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: [draining] }));
    await watched.says('10.0.0.1:8080!');
  });

  it('that exists without instances is known and empty', async () => {
    await start();
    put('s1');
    await rig.watch('orders').says('');
    expect(rig.server.count('get')).to.equal(0);
  });

  it('without slices is asked for: it may be new, or none', async () => {
    const { server } = await start();
    server.cluster.put('services', service('orders'));
    server.cluster.put('namespaces', { metadata: { name: 'shop', namespace: 'shop' } });
    const there = rig.watch('orders');
    const none = rig.watch('users');
    await there.says('');
    await none.says("unknown: there is no Service 'users' in namespace 'shop'");
    put('s1', '10.0.0.1');
    await there.says('10.0.0.1:8080');
    // Asked for again, and not too often: nothing is watched that would tell that it exists.
    const gets = server.count('get', 'services');
    await rig.pass(60_000);
    expect(server.count('get', 'services') - gets).to.be.within(1, 3);
    server.cluster.put('services', service('users'));
    await rig.pass(35_000);
    await none.says('');
  });

  it('without slices, and without the right to read Services, is unknown, with what would grant it', async () => {
    await start();
    rig.server.interfere({ verb: 'get' }, forbidden('get', 'services', 'shop'));
    const watched = rig.watch('orders');
    await watched.says(
      /^unknown: there is no EndpointSlice of a Service 'orders' in namespace 'shop'; whether the Service exists, or is an ExternalName, is not to be seen: .*403.*resources: \[services\], verbs: \[get\]/,
    );
    put('s1', '10.0.0.1');
    await watched.says('10.0.0.1:8080');
  });

  it('fails when the Service cannot be asked for, and waits when the server is busy', async () => {
    await start();
    rig.server.interfere(
      { verb: 'get', times: 1 },
      { ...statusOf(429, 'TooManyRequests', 'x'), headers: { 'retry-after': '2' } },
    );
    const watched = rig.watch('orders');
    await rig.until(() => rig.server.count('get') === 1, 'no question');
    await arrived();
    await rig.pass(1_900, 100);
    expect(rig.server.count('get')).to.equal(1);
    await rig.pass(200, 100);
    await watched.says(/^unknown/);
    rig.server.interfere({ verb: 'get' }, statusOf(500, 'InternalError', 'no etcd'));
    const failing = rig.watch('users');
    expect((await failing.fails()).message).to.match(
      /answered 500 when asked to get services in namespace 'shop': no etcd$/,
    );
    expect(watched.settled).to.equal(false);
  });

  const twoPorts = (name: string, address: string, http = 8080): void =>
    rig.server.cluster.put(
      'endpointslices',
      slice({
        name,
        endpoints: pods(address),
        ports: [
          { name: 'web', port: http },
          { name: 'metrics', port: 9000 },
        ],
      }),
    );
  const portsOf = (...ports: readonly (readonly [string, number])[]): object => ({
    ports: ports.map(([name, port]) => ({ name, port, protocol: 'TCP' })),
  });

  it('with several ports is asked for once, and again when a watch begins after 4 minutes', async () => {
    const { server } = await start();
    server.cluster.put('services', service('orders', portsOf(['web', 80], ['metrics', 81])));
    twoPorts('s1', '10.0.0.1');
    const web = rig.watch('orders');
    const metrics = rig.watch('orders:81');
    await web.says('10.0.0.1:8080');
    await metrics.says('10.0.0.1:9000');
    expect(server.count('get', 'services'), 'one question for each reference').to.equal(2);
    twoPorts('s1', '10.0.0.1', 8081);
    await arrived();
    await rig.clock.advance(REMOVAL_MS);
    await web.says('10.0.0.1:8081');
    expect(server.count('get', 'services')).to.equal(2);
    server.cluster.put('services', service('orders', portsOf(['web', 81], ['metrics', 80])));
    await rig.pass(100_000);
    server.endWatches();
    await rig.until(() => server.open === 1, 'no new watch');
    await arrived();
    expect(server.count('get', 'services')).to.equal(2);
    for (let n = 0; n < 7; n++) {
      server.bookmark();
      await rig.pass(20_000);
    }
    server.endWatches();
    await rig.pass(2_000, 100);
    await web.says('10.0.0.1:9000');
    await metrics.says('10.0.0.1:8081');
    expect(server.count('get', 'services')).to.equal(4);
  });

  it('asks again when its slices have other ports', async () => {
    const { server } = await start();
    server.cluster.put('services', service('orders', portsOf(['web', 80], ['metrics', 81])));
    twoPorts('s1', '10.0.0.1');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    server.cluster.put('services', service('orders', portsOf(['main', 80], ['metrics', 81])));
    server.cluster.put(
      'endpointslices',
      slice({
        name: 's1',
        endpoints: pods('10.0.0.1'),
        ports: [
          { name: 'main', port: 8081 },
          { name: 'metrics', port: 9000 },
        ],
      }),
    );
    await rig.until(() => server.count('get', 'services') === 2, 'no second question');
    await arrived();
    await rig.clock.advance(REMOVAL_MS);
    await watched.says('10.0.0.1:8081');
    expect(server.count('get', 'services')).to.equal(2);
  });

  it('asks one question at a time, however many changes come', async () => {
    const { server } = await start();
    server.interfere({ verb: 'get' }, 'hang');
    twoPorts('s1', '10.0.0.1');
    const watched = rig.watch('orders');
    await rig.until(() => server.count('get') === 1, 'no question');
    for (let n = 0; n < 20; n++) twoPorts('s1', '10.0.0.1', 8081 + n);
    await arrived();
    expect(server.count('get')).to.equal(1);
    expect(watched.said).to.deep.equal([]);
  });

  it('is unknown while no slice has the port, after 20 ms if it had before', async () => {
    await start();
    put('s1', '10.0.0.1');
    const watched = rig.watch('orders:http');
    await watched.says('10.0.0.1:8080');
    const other = slice({ name: 's1', endpoints: pods('10.0.0.1'), ports: [{ name: 'web', port: 8080 }] });
    rig.server.cluster.put('endpointslices', other);
    await arrived();
    expect(watched.said).to.have.lengthOf(1);
    await rig.clock.advance(REMOVAL_MS);
    await watched.says(
      "unknown: Service 'orders' in namespace 'shop' is there, but it has no port named 'http', only web (target 8080): write the port's number, or its name as in http://_web._tcp.orders/",
    );
    put('s1', '10.0.0.1');
    await watched.says('10.0.0.1:8080');
    // And for less than that, nobody hears of it.
    rig.server.cluster.put('endpointslices', other);
    await arrived();
    put('s1', '10.0.0.1');
    await arrived();
    await rig.clock.advance(1_000);
    expect(watched.said).to.have.lengthOf(3);
  });

  it('reports what is wrong, also where nothing else can be said', async () => {
    await start();
    const ports = [
      { name: 'http', port: 70_000 },
      { name: 'web', port: 80 },
    ];
    rig.server.cluster.put('endpointslices', slice({ name: 's1', endpoints: pods('10.0.0.1'), ports }));
    const watched = rig.watch('orders:http');
    await watched.says(/no port named 'http'/);
    expect(watched.problems.map(({ code }) => code)).to.deep.equal(['bad-port']);
  });

  it('reports slices without ports beside others that have some', async () => {
    await start();
    put('s1', '10.0.0.1');
    rig.server.cluster.put('endpointslices', slice({ name: 's2', endpoints: pods('10.0.0.2'), ports: null }));
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    expect(watched.problems.map(({ detail }) => detail)).to.deep.equal([
      "the slice 's2' lists no ports: its 1 endpoints are skipped",
    ]);
    remove('s1');
    await arrived();
    await rig.clock.advance(REMOVAL_MS);
    await watched.says('10.0.0.2:80');
  });

  it('uses one family of addresses, the preferred one while it has any', async () => {
    await start();
    const v6 = slice({ name: 's6', addressType: 'IPv6', endpoints: pods('fd00::1') });
    rig.server.cluster.put('endpointslices', v6);
    put('s4', '10.0.0.1');
    const watched = rig.watch('orders');
    await watched.says('10.0.0.1:8080');
    put('s4');
    await arrived();
    await rig.clock.advance(REMOVAL_MS);
    await watched.says('fd00::1:8080');
  });

  it('with 100 slices looks at the endpoints of the one that changed only', async () => {
    await start();
    const { cluster } = rig.server;
    for (let n = 0; n < 100; n++)
      put(`s${n}`, ...Array.from({ length: 10 }, (_, at) => `10.1.${n}.${at + 1}`));
    const watched = rig.watch('orders');
    await rig.until(() => watched.sets.length === 1, 'no set');
    cluster.put('endpointslices', slice({ name: 's7', endpoints: pods('10.1.7.1', '10.9.9.9') }));
    await arrived();
    await rig.clock.advance(REMOVAL_MS);
    await rig.until(() => watched.sets.length === 2, 'no second set');
    const [before = [], after = []] = watched.sets;
    const same = new Set(before);
    expect([before.length, after.length]).to.deep.equal([1_000, 992]);
    expect(after.filter((endpoint) => !same.has(endpoint)).map(({ host }) => host)).to.deep.equal([
      '10.9.9.9',
    ]);
  });

  it('leaves no listener on its signal when it has failed', async () => {
    await start();
    rig.server.interfere({ verb: 'list' }, statusOf(500, 'InternalError', 'x'));
    const watched = rig.watch('orders');
    await watched.fails();
    expect(getEventListeners(watched.signal, 'abort')).to.deep.equal([]);
  });
});
