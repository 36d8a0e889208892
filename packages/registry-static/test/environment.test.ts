import { isCrowflyError } from '@crowfly/core';
import { environment } from '@crowfly/registry-static';
import { expect } from 'chai';
import { context, Watched } from './support/watched.js';

/** What a pod gets for two Services, a headless one set by hand, and things that only look alike. */
const ENV = {
  ORDERS_SERVICE_HOST: '10.96.0.10',
  ORDERS_SERVICE_PORT: '80',
  ORDERS_SERVICE_PORT_HTTP: '80',
  ORDERS_SERVICE_PORT_HTTP_ADMIN: '9090',
  ORDERS_PORT: 'tcp://10.96.0.10:80',
  KUBERNETES_SERVICE_HOST: 'fd00::1',
  KUBERNETES_SERVICE_PORT: '443',
  KUBERNETES_SERVICE_PORT_HTTPS: '443',
  MY_SVC_SERVICE_HOST: 'my-svc.shop.svc',
  MY_SVC_SERVICE_PORT: '8080',
  ORDERS_SERVICE_PORT_X_SERVICE_HOST: '10.96.0.12',
  ORDERS_SERVICE_PORT_X_SERVICE_PORT: '1',
};

function watch(key: string, port?: number | string, env: Record<string, string> = ENV): Watched {
  return new Watched(environment({ env })(context), key, port);
}

describe('the environment', () => {
  it('has the Services that Kubernetes writes into each pod', async () => {
    const cases: readonly (readonly [watched: Watched, ids: string])[] = [
      [watch('orders'), '10.96.0.10:80'],
      [watch('orders', 9090), '10.96.0.10:9090'],
      [watch('orders', 'http-admin'), '10.96.0.10:9090'],
      [watch('kubernetes'), '[fd00::1]:443'],
      [watch('my-svc'), 'my-svc.shop.svc:8080'],
      [watch('orders-service-port-x'), '10.96.0.12:1'],
    ];
    for (const [watched, ids] of cases) {
      expect(watched.said).to.deep.equal([ids]);
      expect(watched.problems).to.deep.equal([]);
      await watched.end();
    }
    expect(watch('kubernetes').sets[0]?.[0]).to.deep.equal({
      id: '[fd00::1]:443',
      host: 'fd00::1',
      port: 443,
      protocol: 'https',
    });
  });

  it('understands every spelling of a name and its ports as one service', () => {
    const { locate } = environment({ env: {} })(context);
    for (const name of ['my-svc', 'my_svc']) {
      expect(locate(name)).to.deep.equal({ key: 'my-svc' });
      expect(locate({ scheme: 'http', host: name })).to.deep.equal({ key: 'my-svc' });
      expect(locate({ scheme: 'http', host: name, port: 81 })).to.deep.equal({ key: 'my-svc', port: 81 });
      expect(locate({ scheme: 'http', host: `_http._tcp.${name}` })).to.deep.equal({
        key: 'my-svc',
        port: 'http',
      });
      expect(locate(`${name}:http`)).to.deep.equal({ key: 'my-svc', port: 'http' });
      expect(locate(`${name}:81`)).to.deep.equal({ key: 'my-svc', port: 81 });
    }
    for (const other of [
      'example.com',
      '_http._udp.orders',
      '_http._tcp.a.b',
      'localhost',
      '127.0.0.1',
      'A',
      'a:b:c',
      '',
    ]) {
      expect(locate(other), other).to.equal(undefined);
      expect(locate({ scheme: 'http', host: other }), other).to.equal(undefined);
    }
  });

  it('says which variable is missing, and which ports there are', async () => {
    const reasons = (watched: Watched): string => watched.unknowns.join();
    expect(reasons(watch('ordrs'))).to.match(
      /^the environment has no ORDRS_SERVICE_HOST: did you mean 'orders'\?$/,
    );
    expect(reasons(watch('orders', 81))).to.equal(
      "the environment has no port 81 of 'orders', only 80 (http), 9090 (http-admin): write http://orders/",
    );
    expect(reasons(watch('my-svc', 81))).to.equal(
      "the environment has no port 81 of 'my-svc', only 8080: write http://my-svc/",
    );
  });

  it('reports values that are wrong by the name of the variable, without the value', async () => {
    const env = {
      A_SERVICE_HOST: 'not a host',
      A_SERVICE_PORT: '80',
      B_SERVICE_HOST: '10.0.0.1',
      B_SERVICE_PORT: 'secret',
      C_SERVICE_HOST: '10.0.0.1',
      D_SERVICE_HOST: '10.0.0.1',
      D_SERVICE_PORT: '80',
      D_SERVICE_PORT_ADMIN: '70000',
    };
    const said = ['a', 'b', 'c', 'd'].map((key) => watch(key, undefined, env));
    expect(
      said.map(({ problems }) => problems.map(({ code, detail }) => `${code}: ${detail}`)),
    ).to.deep.equal([
      ['bad-host: A_SERVICE_HOST is wrong: expected an IP address or a DNS name'],
      ['bad-port: B_SERVICE_PORT is wrong: expected a port, 1 to 65535'],
      ['bad-port: C_SERVICE_PORT is not set: expected a port, 1 to 65535'],
      ['bad-port: D_SERVICE_PORT_ADMIN is wrong: expected a port, 1 to 65535'],
    ]);
    expect(said.map((one) => one.said)).to.deep.equal([
      ['unknown'],
      ['unknown'],
      ['unknown'],
      ['10.0.0.1:80'],
    ]);
    expect(said[1]?.unknowns[0]).to.equal(
      "the environment does not say where 'b' is: B_SERVICE_PORT is wrong: expected a port, 1 to 65535",
    );
  });

  it('is a snapshot of the moment when a discovery opens it', () => {
    const env: Record<string, string> = { A_SERVICE_HOST: '10.0.0.1', A_SERVICE_PORT: '80' };
    const factory = environment({ env });
    const registry = factory(context);
    env.A_SERVICE_PORT = '81';
    expect(new Watched(registry, 'a').said).to.deep.equal(['10.0.0.1:80']);
    expect(new Watched(factory(context), 'a').said).to.deep.equal(['10.0.0.1:81']);
  });

  it('is process.env unless another is given, and refuses unknown options', () => {
    process.env.CROWFLY_TEST_X_SERVICE_HOST = '10.0.0.9';
    process.env.CROWFLY_TEST_X_SERVICE_PORT = '9';
    try {
      expect(new Watched(environment()(context), 'crowfly-test-x').said).to.deep.equal(['10.0.0.9:9']);
    } finally {
      delete process.env.CROWFLY_TEST_X_SERVICE_HOST;
      delete process.env.CROWFLY_TEST_X_SERVICE_PORT;
    }
    for (const options of [{ enw: {} }, { env: 1 }, 1]) {
      expect(() => environment(options as object))
        .to.throw()
        .that.satisfies((error: unknown) => isCrowflyError(error, 'bad-option'));
    }
  });
});
