import { checkCallOptions, createEngine, DEFAULTS, type EngineOptions, isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import { instances } from '../support/instances.js';
import { roundRobin } from '../support/round-robin.js';
import { fakeTransport } from '../support/transport.js';
import { World } from '../support/world.js';

/** The error of an options object. */
function refused(options: unknown): { message: string; path?: string } {
  try {
    createEngine(roundRobin, options as EngineOptions);
  } catch (error) {
    if (isCrowflyError(error, 'bad-option')) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(options)}`);
}

const BEHAVIOUR: Readonly<Record<string, readonly unknown[]>> = {
  'timeouts.connectMs': [0, -1, '1s', Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, null],
  'timeouts.firstByteMs': [0, {}, true],
  'timeouts.totalMs': [0, []],
  'retry.attempts': [0, 1.5, 21, '3'],
  'retry.statuses': [503, ['503'], [200], [600]],
  'retry.backoffMs': [-1, '25'],
  'retry.backoffMaxMs': [-1, Number.NaN],
  'ejection.connectFailures': [-1, 0.5],
  'ejection.resets': [-1, '2'],
  'ejection.timeouts': [-1, null],
  'ejection.gatewayErrors': [-1, Number.NaN],
  'ejection.serverErrors': [-1, Number.NaN],
  'ejection.maxShare': [-0.1, 1.1, '10%', 10],
  'ejection.panicShare': [-0.1, 50],
  'ejection.probeMs': [0, '1'],
  'ejection.probeMaxMs': [0, null],
  'guard.maxLossShare': [-1, 2, '50%'],
  'guard.holdMs': [-1, '30s'],
  topology: ['zone', true, null],
  strategy: ['round robin', {}, 5],
};

const DISCOVERY: Readonly<Record<string, readonly unknown[]>> = {
  registry: ['consul', {}, null],
  services: [[], 'orders', null],
  'services.orders': [null, 'http://localhost:1', []],
  'services.orders.registry': [{}, 'x'],
  'services.orders.url': [1, '', [1], {}],
  defaults: [[], 'x'],
  match: ['orders', [1], {}],
  self: ['web', []],
  'self.zone': [1, ''],
  'self.service': [{}],
  'self.node': [[]],
  logger: [true, {}, { info() {} }, { info: 1, warn: 1 }],
  limits: [5],
  'limits.firstSetMs': [0, '5s'],
  'limits.maxServices': [0, 1.5],
  'limits.maxEndpoints': [0, '1'],
  'limits.closeMs': [-1, null],
  env: ['x', true, []],
  clock: [1, []],
  random: [0.5],
  probe: [true],
};

/** `{ a: { b: value } }` of `a.b`. */
const nest = (path: string, value: unknown): unknown =>
  path.split('.').reduceRight((inner, key) => ({ [key]: inner }), value);

describe('the options of an engine', () => {
  it('are all optional, and an undefined one is an absent one', () => {
    createEngine(roundRobin);
    createEngine(roundRobin, {
      registry: undefined,
      services: { orders: undefined },
      defaults: {},
      limits: {},
    } as object);
  });

  it('name the path of each bad value, and the kind of it, never the value itself', () => {
    const rows = [
      ...Object.entries(DISCOVERY),
      ...Object.entries(BEHAVIOUR).flatMap(([path, values]) => [
        [`defaults.${path}`, values] as const,
        [`services.orders.${path}`, values] as const,
      ]),
    ];
    for (const [path, values] of rows) {
      for (const value of values) {
        const error = refused(nest(path, value));
        expect(error.path, `${path}: ${String(value)}`).to.match(
          new RegExp(`^createDiscovery\\.${path.replaceAll('.', '\\.')}`),
        );
        expect(error.message).to.include(`${error.path}: expected`);
      }
    }
    expect(refused({ registry: 's3cr3t' }).message).not.to.include('s3cr3t');
  });

  it('name each unknown key, and what was meant by it', () => {
    const keys: Record<string, string> = {
      'createDiscovery.registy': 'registry',
      'createDiscovery.service': 'services',
      'createDiscovery.defaults.timeout': 'timeouts',
      'createDiscovery.defaults.timeouts.totalMS': 'totalMs',
      'createDiscovery.defaults.retry.atempts': 'attempts',
      'createDiscovery.defaults.ejection.maxshare': 'maxShare',
      'createDiscovery.defaults.guard.holdms': 'holdMs',
      'createDiscovery.services.orders.urls': 'url',
      'createDiscovery.limits.maxService': 'maxServices',
      'createDiscovery.self.zones': 'zone',
    };
    for (const [path, meant] of Object.entries(keys)) {
      const error = refused(nest(path.replace('createDiscovery.', ''), 1));
      expect(error.path).to.equal(path);
      expect(error.message).to.include(`there is no such option; did you mean '${meant}'?`);
    }
    expect(refused({ xyzzy: 1 }).message).to.match(/there are 'registry', 'services'/);
    expect(refused({ __proto__: null, constructor: 1 }).message).to.include('there is no such option');
    expect(refused(null).message).to.match(/^createDiscovery: expected an object, got null/);
  });

  it('may set a probe interval above the default maximum', async () => {
    const world = new World({ defaults: { ejection: { probeMs: 60_000, resets: 1 } } });
    await world.serve(instances('a', 'b'));
    const transport = fakeTransport((one) => (one.id === 'a' ? one.fail('no-answer') : one.answer()));
    await world.called(transport);
    await world.clock.advance(29_000);
    for (let n = 0; n < 5; n++) await world.called(transport);
    expect(transport.ids.filter((id) => id === 'a')).to.have.length(1);
    await world.close();
  });

  it('of a call are checked in the same way', () => {
    checkCallOptions({});
    checkCallOptions({ idempotent: true, key: 'k', attempts: 2, timeouts: { totalMs: 5 } });
    const rows: readonly [unknown, string][] = [
      [{ idempotent: 1 }, 'crowfly.idempotent'],
      [{ key: '' }, 'crowfly.key'],
      [{ attempts: 0 }, 'crowfly.attempts'],
      [{ timeouts: { totalMs: '5' } }, 'crowfly.timeouts.totalMs'],
      [{ retries: 2 }, 'crowfly.retries'],
      ['x', 'crowfly'],
    ];
    for (const [options, path] of rows) {
      expect(() => checkCallOptions(options))
        .to.throw()
        .with.property('path', path);
    }
    expect(() => checkCallOptions({ x: 1 }, 'init.crowfly')).to.throw(/^init\.crowfly\.x/);
  });

  it('have their defaults in one constant, which passes its own checks', () => {
    const { limits, registration: _registration, ...defaults } = DEFAULTS;
    createEngine(roundRobin, { defaults, limits });
  });
});
