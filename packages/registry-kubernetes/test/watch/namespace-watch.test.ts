import { isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import { endpointsOf, pods, slice } from '../support/objects.ts';
import { forbidden, statusOf } from '../support/replies.ts';
import { breath, Rig, type Watched } from '../support/rig.ts';

describe('the watch of a namespace', () => {
  let rig: Rig;
  const start = async (...args: Parameters<typeof Rig.start>): Promise<Rig> => {
    rig = await Rig.start(...args);
    return rig;
  };
  afterEach(() => rig.close());

  const put = (service: string, ...addresses: readonly string[]): void =>
    rig.server.cluster.put(
      'endpointslices',
      slice({ name: `${service}-1`, service, endpoints: pods(...addresses) }),
    );
  const lists = (): number => rig.server.count('list');
  const watches = (): number => rig.server.count('watch');
  const selectors = (): (string | null)[] => rig.server.seen.map(({ query }) => query.get('labelSelector'));
  const idle = async (): Promise<void> => {
    for (let n = 0; n < 5; n++) {
      await breath();
      await rig.clock.advance(0);
    }
  };
  const watching = async (count = 1): Promise<void> => {
    await rig.until(() => rig.server.open === count && rig.server.watching.length === count, 'no watch');
    await idle();
  };
  const ready = async (service = 'orders'): Promise<Watched> => {
    put(service, '10.0.0.1');
    const watched = rig.watch(service);
    await watched.says('10.0.0.1:8080');
    await watching();
    return watched;
  };

  it('lists from the cache, watches from there with bookmarks for 5 to 10 minutes, over one HTTP/2 connection', async () => {
    await start();
    const { version } = rig.server.cluster;
    const watched = rig.watch('orders.shop');
    await watched.says(/^unknown/);
    await watching();
    const [list, watch] = rig.server.seen.filter(({ verb }) => verb !== 'get');
    expect(Object.fromEntries(list?.query ?? [])).to.deep.equal({
      labelSelector: 'kubernetes.io/service-name in (orders)',
      resourceVersion: '0',
    });
    expect(Object.fromEntries(watch?.query ?? [])).to.deep.equal({
      labelSelector: 'kubernetes.io/service-name in (orders)',
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: String(version),
      timeoutSeconds: '300',
    });
    expect(list?.httpVersion).to.equal('2.0');
    expect(list?.headers.accept).to.equal('application/json');
    expect(rig.server.front.accepted).to.equal(1);
    rig.random = () => 0.999;
    await rig.pass(2_000);
    rig.server.endWatches();
    await rig.until(() => watches() === 2, 'no second watch');
    expect(rig.server.seen.at(-1)?.query.get('timeoutSeconds')).to.equal('600');
  });

  it('goes on where it was when the server ends a watch, and lists no more', async () => {
    await start();
    const watched = await ready();
    rig.server.cluster.churn(100);
    rig.server.bookmark();
    await idle();
    const { version } = rig.server.cluster;
    await rig.pass(2_000);
    rig.server.endWatches();
    await watching();
    expect(rig.server.seen.at(-1)?.query.get('resourceVersion')).to.equal(String(version));
    put('orders', '10.0.0.1', '10.0.0.2');
    await watched.says('10.0.0.1:8080 10.0.0.2:8080');
    expect(lists()).to.equal(1);
  });

  it('names the services in use, those that join in a second list, and forgets those that left', async () => {
    await start();
    const orders = await ready();
    put('users', '10.0.1.1');
    const users = rig.watch('users');
    await users.says('10.0.1.1:8080');
    await watching();
    expect(selectors().slice(-2)).to.deep.equal(
      Array(2).fill('kubernetes.io/service-name in (orders,users)'),
    );
    expect([lists(), watches()]).to.deep.equal([2, 2]);
    // A second reference to a service that is watched costs nothing.
    await rig.watch('users:8081').says('10.0.1.1:8080');
    expect([lists(), watches()]).to.deep.equal([2, 2]);
    await orders.end();
    await rig.pass(2_000);
    rig.server.endWatches();
    await watching();
    expect(selectors().at(-1)).to.equal('kubernetes.io/service-name in (users)');
    expect(lists()).to.equal(2);
    await rig.watch('orders').says('10.0.0.1:8080');
  });

  it('lists once for many services that are added at once', async () => {
    await start();
    await ready();
    const more = Array.from({ length: 50 }, (_, n) => `s${n}`);
    for (const name of more) put(name, '10.0.0.9');
    const all = more.map((name) => rig.watch(name));
    for (const one of all) await one.says('10.0.0.9:8080');
    expect([lists(), rig.server.front.accepted]).to.deep.equal([2, 1]);
  });

  it('watches the whole namespace beyond 100 services, and keeps what is in use only', async () => {
    await start();
    const names = Array.from({ length: 101 }, (_, n) => `s${n}`);
    for (const name of [...names, 'other']) put(name, '10.0.0.9');
    const all = names.map((name) => rig.watch(name));
    for (const one of all) await one.says('10.0.0.9:8080');
    await watching();
    expect(new Set(selectors())).to.deep.equal(new Set(['kubernetes.io/service-name']));
    put('other', '10.0.0.8');
    put('s7', '10.0.0.9', '10.0.0.10');
    await all[7]?.says('10.0.0.10:8080 10.0.0.9:8080');
  });

  it('has one watch for each namespace', async () => {
    await start();
    await ready();
    rig.server.cluster.put(
      'endpointslices',
      slice({ name: 'b', namespace: 'billing', endpoints: pods('10.0.5.1') }),
    );
    await rig.watch('orders.billing').says('10.0.5.1:8080');
    await watching(2);
    expect(rig.server.watching.map(({ namespace }) => namespace)).to.deep.equal(['shop', 'billing']);
    expect(rig.server.front.accepted).to.equal(1);
  });

  it('asks for no service that nobody uses any more', async () => {
    await start();
    const watched = await ready();
    await watched.end();
    await rig.until(() => rig.server.open === 0, 'still watching');
    await rig.pass(60_000);
    expect([lists(), watches(), rig.clock.pending]).to.deep.equal([1, 1, 0]);
  });

  it('starts anew when the last one leaves and another comes at the same moment', async () => {
    await start();
    const first = await ready();
    put('users', '10.0.1.1');
    const ending = first.end();
    const second = rig.watch('users');
    await ending;
    await second.says('10.0.1.1:8080');
  });

  it('that fails fails for all, and begins anew once', async () => {
    await start();
    const orders = await ready();
    put('users', '10.0.1.1');
    const users = rig.watch('users');
    await users.says('10.0.1.1:8080');
    await watching();
    rig.server.cutWatches();
    const errors = await Promise.all([orders.fails(), users.fails()]);
    expect(errors[0]).to.equal(errors[1]);
    const before = lists();
    await Promise.all(['orders', 'users'].map((name) => rig.watch(name).says(/:8080$/)));
    expect(lists() - before).to.equal(1);
    const list = rig.server.seen.filter(({ verb }) => verb === 'list').at(-1);
    expect(list?.query.get('resourceVersionMatch')).to.equal('NotOlderThan');
    expect(Number(list?.query.get('resourceVersion'))).to.be.greaterThan(0);
  });

  for (const form of ['event', 'status'] as const) {
    it(`lists anew when its version has expired, told by ${form === 'event' ? 'an event' : 'status 410'}`, async () => {
      await start();
      rig.server.goneAs = form;
      const watched = await ready();
      await rig.pass(2_000);
      // What changes while no watch is open is not told by any.
      const { cluster } = rig.server;
      cluster.unheard(() => {
        put('orders', '10.0.0.1', '10.0.0.3');
        cluster.compact();
      });
      rig.server.endWatches();
      await watched.says('10.0.0.1:8080 10.0.0.3:8080');
      await watching();
      expect([lists(), watched.settled, watched.said.length]).to.deep.equal([2, false, 2]);
      const last = rig.server.seen.filter(({ verb }) => verb === 'list').at(-1);
      expect(last?.query.get('resourceVersion'), 'the latest').to.equal(null);
    });
  }

  it('fails when every version has expired at once', async () => {
    await start();
    rig.server.watches = 'expire';
    put('orders', '10.0.0.1');
    const watched = rig.watch('orders');
    await rig.pass(5_000, 250);
    expect((await watched.fails()).message).to.match(
      /says again and again that a version it has just given has expired \(endpointslices of 'shop'\)$/,
    );
    expect([lists(), watches()]).to.deep.equal([3, 3]);
  });

  it('takes other ERROR events for a failure, with what they say, and keeps what came before', async () => {
    await start();
    const watched = await ready();
    const { body } = statusOf(500, 'InternalError', 'etcd is gone');
    put('orders', '10.0.0.1', '10.0.0.2');
    await watched.says('10.0.0.1:8080 10.0.0.2:8080');
    rig.server.event({ type: 'ERROR', object: body });
    expect((await watched.fails()).message).to.match(
      /answered 500 when asked to watch endpointslices in namespace 'shop': etcd is gone$/,
    );
    const other = rig.watch('orders');
    await other.says('10.0.0.1:8080 10.0.0.2:8080');
    await watching();
    rig.server.event({ type: 'ERROR', object: null });
    expect((await other.fails()).message).to.match(/answered 500/);
  });

  for (const [what, event, message] of [
    ['no JSON', '<html>\n', /answered with something that is no JSON/],
    ['an event without a type', { object: {} }, /an event of the watch has no type/],
    ['an event that is no object', 7, /an event of the watch has no type/],
    [
      'an object without a name',
      { type: 'ADDED', object: {} },
      /^https:\/\/127\S+ sent what cannot be read: expected an object with metadata\.name, got .* \(endpointslices of 'shop'\)$/,
    ],
    ['an end inside an event', 'cut', /the watch ended inside an event/],
  ] as const) {
    it(`fails for ${what}`, async () => {
      await start();
      const watched = await ready();
      if (event === 'cut') {
        rig.server.event('{"type":');
        rig.server.endWatches();
      } else rig.server.event(event);
      const error = await watched.fails();
      expect(error.message).to.match(message);
      expect(isCrowflyError(error)).to.equal(true);
      expect(watched.said).to.have.lengthOf(1);
    });
  }

  it('waits as long as a busy server asks, five times, and is no failure for that', async () => {
    await start();
    const busy = { ...statusOf(429, 'TooManyRequests', 'too many'), headers: { 'retry-after': '3' } };
    rig.server.interfere({ verb: 'list', times: 2 }, busy);
    put('orders', '10.0.0.1');
    const watched = rig.watch('orders');
    await rig.until(() => lists() === 1, 'no list');
    await rig.pass(2_900, 100);
    expect(lists()).to.equal(1);
    await rig.pass(3_200, 100);
    await watched.says('10.0.0.1:8080');
    expect(lists()).to.equal(3);
    await watching();
    await rig.pass(2_000);
    rig.server.interfere({ verb: 'watch' }, { ...busy, headers: {} });
    rig.server.endWatches();
    const before = watches();
    await rig.pass(10_000, 250);
    expect((await watched.fails()).message).to.match(
      /answered 429 when asked to watch endpointslices.*too many$/,
    );
    expect(watches() - before).to.equal(5);
  });

  it('begins at most 5 watches at once and then one a second, when each ends after a second', async () => {
    await start();
    const watched = await ready();
    const before = watches();
    for (let second = 0; second < 60; second++) {
      await rig.pass(1_000, 250);
      rig.server.endWatches();
    }
    expect(watched.settled).to.equal(false);
    expect(watches() - before).to.be.within(50, 65);
    expect(lists()).to.equal(1);
  });

  it('is no good when it ends at once without a word', async () => {
    await start();
    rig.server.watches = 'end at once';
    put('orders', '10.0.0.1');
    const watched = rig.watch('orders');
    expect((await watched.fails()).message).to.match(
      /ends each watch as soon as it has begun \(endpointslices of 'shop'\)$/,
    );
    expect(watches()).to.equal(1);
  });

  it('is doubted after 150 s without a bookmark, and lists anew', async () => {
    await start();
    const watched = await ready();
    await rig.pass(140_000);
    rig.server.bookmark();
    await rig.pass(145_000);
    expect([lists(), watches()]).to.deep.equal([1, 1]);
    await rig.pass(10_000);
    await rig.until(() => lists() === 2, 'no second list');
    await watching();
    expect([watched.settled, watched.said.length]).to.deep.equal([false, 1]);
  });

  it('is doubted after 75 s over plain http, where no ping would notice', async () => {
    await start({}, { tls: false });
    await ready();
    await rig.pass(74_000);
    expect(lists()).to.equal(1);
    await rig.pass(2_000);
    await rig.until(() => lists() === 2, 'no second list');
  });

  it('recovers from a version of the future, as after etcd was restored', async () => {
    await start();
    const watched = await ready();
    await rig.pass(2_000);
    rig.server.cluster.restore(100);
    rig.server.endWatches();
    await watching();
    put('orders', '10.0.0.7');
    await idle();
    expect(watched.said, 'the real server is as silent').to.have.lengthOf(1);
    await rig.pass(152_000);
    await rig.pass(100, 20);
    await watched.says('10.0.0.7:8080');
    await watching();
    put('orders', '10.0.0.7', '10.0.0.8');
    await watched.says('10.0.0.7:8080 10.0.0.8:8080');
  });

  it('asks for the latest when the server has not reached what is known', async () => {
    await start();
    const watched = await ready();
    rig.server.cutWatches();
    await watched.fails();
    rig.server.cluster.restore(100);
    put('orders', '10.0.0.7');
    await rig.watch('orders').says('10.0.0.7:8080');
    expect(lists()).to.equal(3);
  });

  for (const tls of [true, false]) {
    it(`reads characters that are split, over ${tls ? 'HTTP/2' : 'http'}`, async () => {
      await start({}, { tls });
      rig.server.pieces = (text) =>
        Array.from({ length: Math.ceil(text.length / 37) }, (_, n) => text.subarray(n * 37, n * 37 + 37));
      const zone = 'zürich-€-𝄞';
      const endpoints = pods('10.0.0.1', '10.0.0.2').map((one) => ({ ...one, zone }));
      rig.server.cluster.put('endpointslices', slice({ name: 'orders-1', endpoints: endpoints.slice(1) }));
      const watched = rig.watch('orders');
      await watched.says('10.0.0.2:8080');
      await watching();
      rig.server.cluster.put('endpointslices', slice({ name: 'orders-1', endpoints }));
      await watched.says('10.0.0.1:8080 10.0.0.2:8080');
      expect(watched.sets.at(-1)?.map((one) => one.zone)).to.deep.equal([zone, zone]);
    });
  }

  it('names one Endpoints object, and of several takes the namespace', async () => {
    await start({ api: 'endpoints' });
    const endpoints = (host: string): void =>
      rig.server.cluster.put('endpoints', endpointsOf('orders', [{ id: host, host, port: 8080 }]));
    endpoints('10.0.0.1');
    const orders = rig.watch('orders');
    await orders.says('10.0.0.1:8080');
    await rig.watch('users').says(/^unknown/);
    await watching();
    const fields = rig.server.seen
      .filter(({ verb }) => verb === 'list')
      .map(({ query }) => query.get('fieldSelector'));
    expect(fields).to.deep.equal(['metadata.name=orders', null]);
    endpoints('10.0.0.2');
    await idle();
    await rig.clock.advance(20);
    await orders.says('10.0.0.2:8080');
  });

  it('that is denied says so with what would grant it, and has said nothing', async () => {
    await start();
    rig.server.interfere({ verb: 'list' }, forbidden('list', 'endpointslices', 'shop'));
    const watched = rig.watch('orders');
    const error = await watched.fails();
    expect(isCrowflyError(error, 'denied')).to.equal(true);
    expect(error.message).to.match(
      /does not let us list endpointslices in namespace 'shop' \(403, system:serviceaccount:shop:web\)/,
    );
    expect(watched.said).to.deep.equal([]);
  });

  describe('close() leaves no timer, connection or question', () => {
    const moments: Readonly<Record<string, () => Promise<unknown>>> = {
      'while it lists': async () => {
        rig.server.interfere({ verb: 'list' }, 'hang');
        rig.watch('orders');
        await rig.until(() => lists() === 1, 'no list');
      },
      'before it lists': async () => rig.watch('orders'),
      'while it begins to watch': async () => {
        // With a slice: it is not also asked for the Service, which may be on its way then.
        put('orders');
        rig.server.interfere({ verb: 'watch' }, 'hang');
        rig.watch('orders');
        await rig.until(() => watches() === 1, 'no watch');
      },
      'while it watches': () => ready(),
      'while it asks for a Service': async () => {
        rig.server.interfere({ verb: 'get' }, 'hang');
        rig.watch('orders');
        // The watch begins beside the question: what is on its way when the registry is closed still arrives.
        await rig.until(() => rig.server.count('get') === 1 && watches() === 1, 'no question');
      },
      'while a Service does not exist': async () => {
        await rig.watch('orders').says(/^unknown/);
        await rig.until(() => watches() === 1, 'no watch');
      },
      'while a busy server makes it wait': async () => {
        rig.server.interfere(
          {},
          { ...statusOf(429, 'TooManyRequests', 'x'), headers: { 'retry-after': '30' } },
        );
        rig.watch('orders');
        await rig.until(() => lists() === 1, 'no list');
        await idle();
      },
      'while nobody answers': async () => {
        rig.server.front.manner = 'silent';
        rig.watch('orders');
        await rig.until(() => rig.server.front.accepted === 1, 'no connection');
      },
      'while a removal waits': async () => {
        await ready();
        put('orders');
        await idle();
      },
    };
    for (const [when, reach] of Object.entries(moments)) {
      it(when, async () => {
        await start();
        await reach();
        await rig.registry.close?.();
        // What was on its way when it was closed still arrives.
        await rig.until(() => rig.server.connections === 0, 'a connection is left');
        const asked = rig.server.seen.length;
        await idle();
        expect(rig.clock.pending, 'timers').to.equal(0);
        await rig.pass(60_000, 10_000);
        expect(rig.server.seen.length).to.equal(asked);
      });
    }

    it('and a watch after it fails, without a connection', async () => {
      await start();
      await rig.registry.close?.();
      const error = await rig.watch('orders').fails();
      expect(isCrowflyError(error, 'closed'), String(error)).to.equal(true);
      expect(rig.server.front.accepted).to.equal(0);
    });

    it('and a watch that was running ends with it', async () => {
      await start();
      const watched = await ready();
      await rig.registry.close?.();
      expect(isCrowflyError(await watched.fails(), 'closed')).to.equal(true);
    });
  });
});
