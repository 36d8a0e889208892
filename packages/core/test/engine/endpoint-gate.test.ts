import { type Endpoint, isCrowflyError, type Problem, type Snapshot } from '@crowfly/core';
import { settle } from '@crowfly/core/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { idsOf, instance, many } from '../support/instances.js';
import { size } from '../support/long.js';
import { closeWorlds, World } from '../support/world.js';

interface Admitted {
  readonly endpoints: readonly Endpoint[];
  readonly problems: readonly Problem[];
  /** Why the whole set was refused. */
  readonly refused?: unknown;
}

/** What an engine makes of a set, as a user sees it. */
async function admit(raw: unknown, maxEndpoints = 50_000): Promise<Admitted> {
  const world = new World({ limits: { maxEndpoints }, logger: false });
  try {
    let last: Snapshot | undefined;
    world.engine.watch('orders', (snapshot) => {
      last = snapshot;
    });
    await settle();
    world.registry.last().publish(raw);
    // A large set takes some turns.
    for (let turn = 0; turn < 1_000 && last?.status === 'pending'; turn++) await settle();
    const problems = world.events('problem');
    if (last?.status === 'failed') return { endpoints: [], problems, refused: last.cause };
    if (last?.status !== 'ready') throw new Error(`the set is ${last?.status}`);
    return { endpoints: last.endpoints, problems };
  } finally {
    await world.close();
  }
}

const GOOD_HOSTS: Readonly<Record<string, string>> = {
  '10.0.0.1': '10.0.0.1',
  '127.0.0.1': '127.0.0.1',
  '127.1': '127.0.0.1',
  '0x7f000001': '127.0.0.1',
  '0x7f.1': '127.0.0.1',
  '2130706433': '127.0.0.1',
  '017700000001': '127.0.0.1',
  '10.1.257': '10.1.1.1',
  '１２７.0.0.1': '127.0.0.1',
  localhost: 'localhost',
  'orders-1.orders.shop.svc.cluster.local': 'orders-1.orders.shop.svc.cluster.local',
  'Orders.EXAMPLE.com': 'orders.example.com',
  _srv_1: '_srv_1',
  '::1': '::1',
  '[::1]': '::1',
  '2001:DB8:0:0:0:0:0:1': '2001:db8::1',
  '2001:db8::0001': '2001:db8::1',
  'fd00::1': 'fd00::1',
  '::ffff:10.0.0.1': '10.0.0.1',
  '::ffff:a00:1': '10.0.0.1',
  '0:0:0:0:0:ffff:0a00:0001': '10.0.0.1',
  '[::FFFF:10.0.0.1]': '10.0.0.1',
};

const BAD_HOSTS: Readonly<Record<string, readonly unknown[]>> = {
  'bad-host': [
    '',
    ' ',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'a@b',
    'a:b',
    'a\\b',
    '-a',
    '.a',
    'a..b',
    '..',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.256',
    '0x1ffffffff',
    '99999999999',
    '10.0.0.1:80',
    'http://10.0.0.1',
    '[::1',
    '::1]',
    '[10.0.0.1]',
    ':::',
    '::1::',
    '12345::',
    '::1%lo',
    'fe80::1%eth0',
    '[fe80::1%25eth0]',
    'a%2eb',
    'bücher',
    'a\u0000b',
    'a\nb',
    'a\u2028b',
    'a'.repeat(64),
    `${'a.'.repeat(200)}a`,
    'x'.repeat(1_000_000),
    undefined,
    null,
    7,
    {},
    ['10.0.0.1'],
  ],
  'denied-host': [
    '0.0.0.0',
    '0',
    '0x0',
    '169.254.169.254',
    '169.254.1.1',
    '0xa9fea9fe',
    '2852039166',
    '169.16689662',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '[::ffff:a9fe:a9fe]',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '::ffff:0:169.254.169.254',
    '::',
    '0:0:0:0:0:0:0:0',
    'fe80::1',
    'FE80:0:0:0:0:0:0:1',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100.100.100.200',
    '192.0.0.192',
    '168.63.129.16',
    'metadata.google.internal',
    '224.0.0.1',
    '255.255.255.255',
    '240.0.0.1',
    '::ffff:0.0.0.0',
  ],
};

const BAD_FACTS: Readonly<Record<string, readonly Record<string, unknown>[]>> = {
  'bad-id': [
    { id: '' },
    { id: undefined },
    { id: 7 },
    { id: {} },
    { id: 'a\u0007' },
    { id: 'x'.repeat(513) },
    { id: 'x'.repeat(1_000_000) },
  ],
  'bad-port': [0, -1, 65_536, 70_000, 80.5, Number.NaN, Number.POSITIVE_INFINITY, '80', null, undefined].map(
    (port) => ({ port }),
  ),
  'bad-weight': [Number.NaN, Number.POSITIVE_INFINITY, -1, -0.001, 1_000_001, '1', null, {}].map(
    (weight) => ({
      weight,
    }),
  ),
  'bad-priority': [Number.NaN, -1, 0.5, 1e9, '0', null].map((priority) => ({ priority })),
  'bad-protocol': ['tcp', 'HTTP', '', null, 1, ['http']].map((protocol) => ({ protocol })),
  'bad-state': ['up', 'READY', '', null, true].map((state) => ({ state })),
  'bad-zone': ['', 7, null, 'a\nb', 'z'.repeat(600)].map((zone) => ({ zone })),
  'bad-node': ['', {}, 'a\u0000'].map((node) => ({ node })),
  'bad-hints': [null, 'zone', { zones: 'a' }, { zones: Array.from({ length: 300 }, () => 'a') }].map(
    (hints) => ({ hints }),
  ),
  'bad-metadata': [
    null,
    'a',
    ['a'],
    { a: 1 },
    { a: null },
    { a: { b: 'c' } },
    { a: 'x\r\ninjected: yes' },
    { 'a\nb': 'x' },
    { '': 'x' },
    { a: 'x'.repeat(1_000_000) },
    { ['k'.repeat(1_000)]: 'x' },
    Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, 'v'])),
  ].map((metadata) => ({ metadata })),
};

describe('the gate for endpoints', () => {
  afterEach(closeWorlds);

  it('writes each good host in one way', async () => {
    const hosts = Object.entries(GOOD_HOSTS);
    const { endpoints, problems } = await admit(
      hosts.map(([host], index) => ({ id: `i${index}`, host, port: 80 })),
    );
    expect(problems).to.deep.equal([]);
    expect(endpoints.map(({ host }, index) => [hosts[index]?.[0], host])).to.deep.equal(hosts);
  });

  for (const [code, hosts] of Object.entries(BAD_HOSTS)) {
    it(`skips each entry with a host that is a ${code}, and keeps the others`, async () => {
      const raw = hosts.map((host, index) => ({ id: `i${index}`, host, port: 80 }));
      const { endpoints, problems } = await admit([instance('good'), ...raw]);
      expect(endpoints.map(({ id, host }) => `${id} ${host}`)).to.have.length(1);
      expect(problems.map((one) => `${one.code} ${one.entry}`)).to.deep.equal(
        hosts.map((_, index) => `${code} i${index}`),
      );
      for (const { detail } of problems) expect(detail.length).to.be.at.most(300);
    });
  }

  for (const [code, facts] of Object.entries(BAD_FACTS)) {
    it(`skips each entry with a ${code}, and says where it is and what is expected`, async () => {
      const raw = facts.map((fact, index) => ({ ...instance(`i${index}`), ...fact }));
      const { endpoints, problems } = await admit([...raw, instance('good')]);
      expect(idsOf(endpoints)).to.deep.equal(['good']);
      expect(problems.map((one) => one.code)).to.deep.equal(facts.map(() => code));
      problems.forEach(({ detail }, index) => {
        expect(detail).to.match(new RegExp(`^endpoint ${index} is skipped: ${code.slice(4)}`));
        expect(detail.length).to.be.at.most(600);
        expect(detail).not.to.match(/[\p{Cc}\u2028\u2029]/u);
      });
    });
  }

  it('skips entries that are no objects at all', async () => {
    const { endpoints, problems } = await admit([null, undefined, 'a', 7, true, () => {}, [], instance('a')]);
    expect(idsOf(endpoints)).to.deep.equal(['a']);
    expect(problems).to.have.length(7);
  });

  it('skips an entry that cannot even be read, and keeps the others', async () => {
    const trap = Object.defineProperty({ ...instance('trap') }, 'host', {
      get() {
        throw new Error('secret');
      },
    });
    const hostile: unknown[] = [
      trap,
      new Proxy(
        {},
        {
          get() {
            throw new RangeError('secret');
          },
        },
      ),
      // what JSON can hold, and what a naive description of a value stumbles over
      { ...instance('a'), metadata: { key: { constructor: { name: { toString: 1 } } } } },
      {
        ...instance('b'),
        metadata: { key: { constructor: { name: `secret\u0007${'x'.repeat(100_000)}` } } },
      },
      { ...instance('c'), hints: { zones: { constructor: null } } },
      { ...instance('d'), id: Object.create(null) },
    ];
    const { endpoints, problems, refused } = await admit([...hostile, instance('good')]);
    expect(refused).to.equal(undefined);
    expect(idsOf(endpoints)).to.deep.equal(['good']);
    expect(problems).to.have.length(hostile.length);
    for (const { detail } of problems) {
      expect(detail).not.to.include('secret');
      expect(detail.length).to.be.at.most(300);
    }
  });

  it('keeps the first of two entries with the same id', async () => {
    const { endpoints, problems } = await admit([
      instance('a'),
      { ...instance('a'), port: 1 },
      instance('b'),
    ]);
    expect(endpoints.map(({ id, port }) => [id, port])).to.deep.equal([
      ['a', instance('a').port],
      ['b', instance('b').port],
    ]);
    expect(problems.map(({ code, entry }) => [code, entry])).to.deep.equal([['duplicate-id', 'a']]);
  });

  it('treats __proto__ and inherited keys of metadata as keys like any other', async () => {
    const metadata = JSON.parse('{"__proto__": "polluted", "constructor": "c", "version": "1"}');
    const { endpoints } = await admit([{ ...instance('a'), metadata }]);
    const read = endpoints[0]?.metadata ?? {};
    expect(Object.hasOwn(read, '__proto__')).to.equal(true);
    expect(Object.entries(read)).to.deep.equal(Object.entries(metadata));
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
    const bare = await admit([{ ...instance('a'), metadata: {} }]);
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
      expect(bare.endpoints[0]?.metadata?.[name], name).to.equal(undefined);
      expect(name in (bare.endpoints[0]?.metadata ?? {}), name).to.equal(false);
    }
  });

  it('leaves out what is no field of an endpoint', async () => {
    const { endpoints } = await admit([{ ...instance('a'), token: 'secret', toString: 'x' }]);
    expect(Object.keys(endpoints[0] ?? {}).sort()).to.deep.equal(['host', 'id', 'port']);
  });

  it('gives out endpoints that nobody can change', async () => {
    const { endpoints } = await admit([
      { ...instance('a'), metadata: { a: '1' }, hints: { zones: ['z'], nodes: ['n'] } },
    ]);
    const [endpoint] = endpoints;
    for (const part of [endpoints, endpoint, endpoint?.metadata, endpoint?.hints, endpoint?.hints?.zones]) {
      expect(Object.isFrozen(part)).to.equal(true);
    }
  });

  it('refuses a set beyond the bound as a whole, without reading it', async () => {
    const { refused } = await admit(new Array(1_000_000).fill(instance('a')));
    expect(isCrowflyError(refused, 'bad-data')).to.equal(true);
    expect(String(refused)).to.match(/1000000 endpoints.*limits\.maxEndpoints \(50000\)/);
    expect((await admit(many(11), 10)).refused).to.not.equal(undefined);
    expect((await admit(many(10), 10)).endpoints).to.have.length(10);
  });

  it('takes as many as it is told to', async () => {
    const count = size(100_000, 1_000_000);
    const { endpoints } = await admit(many(count), count);
    expect(endpoints).to.have.length(count);
  }).timeout(60_000);

  it('never throws, whatever a registry publishes: bad entries are problems, a bad whole is bad-data', async () => {
    const world = new World({ logger: false });
    const causes: unknown[] = [];
    world.engine.watch('orders', (snapshot) => {
      if (snapshot.status === 'failed' || snapshot.status === 'stale') causes.push(snapshot.cause);
    });
    await settle();
    const field = fc.oneof(
      fc.anything({ withNullPrototype: true, withObjectString: true, withBigInt: true, withMap: true }),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4Extended(),
      fc.domain(),
      fc.nat(70_000),
      fc.double(),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.json().map((text) => JSON.parse(text)),
    );
    const entry = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record(
          {
            id: fc.oneof(fc.string(), field),
            host: field,
            port: fc.oneof(fc.nat(70_000), field),
            weight: field,
            priority: field,
            protocol: fc.oneof(fc.constantFrom('http', 'https', 'h2c'), field),
            state: fc.oneof(fc.constantFrom('ready', 'draining'), field),
            zone: field,
            hints: fc.oneof(fc.record({ zones: fc.array(field), nodes: field }), field),
            metadata: fc.oneof(fc.dictionary(fc.string(), fc.oneof(fc.string(), field)), field),
          },
          { requiredKeys: ['id', 'host', 'port'] },
        ),
      },
      { weight: 1, arbitrary: fc.anything({ withNullPrototype: true }) },
    );
    const sound = (endpoint: Endpoint): boolean =>
      typeof endpoint.id === 'string' &&
      endpoint.id !== '' &&
      Number.isInteger(endpoint.port) &&
      new URL(
        `http://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}/`,
      ).hostname.replace(/^\[|\]$/g, '') === endpoint.host;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof({ weight: 9, arbitrary: fc.array(entry) }, { weight: 1, arbitrary: fc.anything() }),
        async (raw) => {
          while (world.registry.open.length === 0) await world.clock.advance(30_000);
          // The same problems as those of the set before are not told again.
          world.registry.last().publish([]);
          const before = world.events('problem').length;
          world.registry.last().publish(raw);
          await settle();
          if (Array.isArray(raw)) {
            const { endpoints } = { endpoints: await world.engine.instances('orders') };
            expect(endpoints.length + world.events('problem').length - before).to.equal(raw.length);
            for (const endpoint of endpoints)
              expect(sound(endpoint), JSON.stringify(endpoint)).to.equal(true);
          } else {
            expect(isCrowflyError(causes.at(-1), 'bad-data')).to.equal(true);
          }
        },
      ),
      { numRuns: size(300, 5_000) },
    );
  }).timeout(size(30_000, 300_000));
});
