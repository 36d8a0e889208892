import { type Endpoint, isCrowflyError, nameFault } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Catalog } from '../../dist/file/catalog.js';
import type { FileFormat } from '../../dist/file/document.js';
import { parseFile } from '../../dist/file/parse.js';

function parse(text: string, format: FileFormat = 'yaml', names: readonly string[] = []): Catalog {
  return parseFile(text, { file: '/s', format, names, serviceLabels: ['service', 'job'] });
}

const endpoints = (catalog: Catalog, name = 'orders'): readonly Endpoint[] =>
  catalog.services.get(name)?.endpoints ?? expect.fail(`there is no service ${name}`);

const problems = (catalog: Catalog, name = 'orders'): string[] =>
  (catalog.services.get(name)?.problems ?? []).map(({ code, detail }) => `${code} ${detail}`);

function failure(text: string, format: FileFormat = 'yaml'): string {
  try {
    parse(text, format);
  } catch (error) {
    if (isCrowflyError(error, 'bad-data')) return error.message;
    throw error;
  }
  return expect.fail('it was read');
}

describe('our own form', () => {
  it('has instances as addresses, URLs and fields, with defaults for a service', () => {
    const catalog = parse(`
x-common: &common [ "10.0.0.9:1" ]
services:
  orders:
    - 10.0.0.1:8080
    - https://b.internal
    - "[2001:DB8::1]:8080"
    - { host: 10.0.0.2, port: 8080, id: two, zone: eu-1a, node: n1, weight: 0.5, priority: 1, state: draining,
        protocol: h2c, metadata: { version: 1.10, canary: true }, hints: { zones: [eu-1a], nodes: [n1] } }
  users:
    protocol: https
    port: 8443
    metadata: { team: a, tier: gold }
    endpoints: [ { host: u1 }, { host: u2, port: 9443, metadata: { tier: iron } }, u3:1 ]
  shared: *common
  empty: []
`);
    expect(endpoints(catalog)).to.deep.equal([
      { id: '10.0.0.1:8080', host: '10.0.0.1', port: 8080 },
      { id: '[2001:db8::1]:8080', host: '2001:db8::1', port: 8080 },
      { id: 'b.internal:443', host: 'b.internal', port: 443, protocol: 'https' },
      {
        id: 'two',
        host: '10.0.0.2',
        port: 8080,
        protocol: 'h2c',
        zone: 'eu-1a',
        node: 'n1',
        hints: { zones: ['eu-1a'], nodes: ['n1'] },
        weight: 0.5,
        priority: 1,
        state: 'draining',
        metadata: { version: '1.10', canary: 'true' },
      },
    ]);
    const users = { protocol: 'https', metadata: { team: 'a', tier: 'gold' } };
    expect(endpoints(catalog, 'users')).to.deep.equal([
      { id: 'u1:8443', host: 'u1', port: 8443, ...users },
      { id: 'u2:9443', host: 'u2', port: 9443, protocol: 'https', metadata: { team: 'a', tier: 'iron' } },
      { id: 'u3:1', host: 'u3', port: 1, ...users },
    ]);
    expect(endpoints(catalog, 'shared')).to.have.length(1);
    expect(endpoints(catalog, 'empty')).to.deep.equal([]);
    expect([...catalog.services.values()].flatMap((service) => service.problems)).to.deep.equal([]);
  });

  it('reads the same from JSON', () => {
    const value = {
      services: { orders: ['a:1', { host: 'b', port: 2, weight: 3, metadata: { v: 'x' } }], none: [] },
    };
    const [json, yaml] = [parse(JSON.stringify(value), 'json'), parse(JSON.stringify(value), 'yaml')];
    expect(json).to.deep.equal(yaml);
    expect(endpoints(json)).to.have.length(2);
  });

  it('freezes what it gives, deeply', () => {
    const [endpoint] = endpoints(
      parse('services: { orders: [ { host: a, port: 1, metadata: { a: b }, hints: { zones: [z] } } ] }'),
    );
    for (const part of [endpoint, endpoint?.metadata, endpoint?.hints, endpoint?.hints?.zones]) {
      expect(part).to.satisfy(Object.isFrozen);
    }
  });

  it('loses only the entries that are wrong, and says of each where it stands and what is expected', () => {
    const catalog = parse(`services:
  orders:
    - a:1
    - a:70000
    - { host: b, port: 0 }
    - { port: 1 }
    - { host: c }
    - { host: "c c", port: 1 }
    - { host: 127.1, port: 1 }
    - { host: d, port: 1, weight: -1 }
    - { host: d, port: 1, state: away, zone: "" }
    - { host: e, port: 1, id: "x\\u0007y" }
    - { host: f, port: 1, __proto__: { polluted: yes } }
    - { host: g, port: 1, metadata: { __proto__: x } }
    - 17
    - http://user:secret@h:1
    - http://h:1/path
    - a:1
    - { host: i, port: 1, wieght: 2 }
`);
    expect(endpoints(catalog).map(({ id }) => id)).to.deep.equal(['a:1', 'i:1']);
    const text = problems(catalog);
    expect(text.map((line) => line.replace(/\/s:(\d+):\d+: services\.orders/, '$1 '))).to.deep.equal([
      'bad-port 4 [1]: expected a whole number from 1 to 65535, got 70000; it is skipped',
      'bad-port 5 [2].port: expected a whole number from 1 to 65535, got 0; it is skipped',
      'bad-host 6 [3]: the host is missing; it is skipped',
      'bad-port 7 [4]: the port is missing; it is skipped',
      "bad-host 8 [5].host: 'c c' is neither an IP address nor a DNS name; it is skipped",
      "bad-host 9 [6].host: '127.1' is no full IP address; it is skipped",
      "bad-weight 10 [7].weight: expected a number from 0 to 1000000, got '-1'; it is skipped",
      'bad-zone 11 [8].zone: expected a text, got an empty string; it is skipped',
      "bad-state 11 [8].state: expected 'ready' or 'draining', got 'away'; it is skipped",
      'bad-id 12 [9].id: control characters are not allowed; it is skipped',
      'bad-entry 13 [10].__proto__: not possible as a key; it is skipped',
      "bad-metadata 14 [11].metadata: '__proto__' is not possible as a key; it is skipped",
      "bad-host 15 [12]: '17' is no full IP address; it is skipped",
      'bad-host 16 [13]: user info is not allowed in an address: write host and port alone; it is skipped',
      "bad-host 17 [14]: expected '10.0.0.1:8080' or 'http://10.0.0.1:8080', got 'http://h:1/path'; it is skipped",
      'duplicate-id 18 [15]: an instance with this id stands above: give each an id of its own; it is skipped',
      "unknown-key 19 [16].wieght: there is no such key; did you mean 'weight'?",
    ]);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
    expect(JSON.stringify(text)).not.to.include('secret');
  });

  it('finds the places of problems in JSON too', () => {
    const catalog = parse(
      '{\n "services": {\n  "orders": [\n   "a:1",\n   {"host": "b", "port": 70000}\n]}}',
      'json',
    );
    expect(problems(catalog)).to.deep.equal([
      'bad-port /s:5:18: services.orders[1].port: expected a whole number from 1 to 65535, got 70000; it is skipped',
    ]);
  });

  it('tells of a hundred problems of a service, and how many more there are', () => {
    const catalog = parse(
      JSON.stringify({ services: { orders: Array.from({ length: 5000 }, () => 'x:0') } }),
      'json',
    );
    const told = catalog.services.get('orders')?.problems ?? [];
    expect(told).to.have.length(101);
    expect(told.at(-1)?.detail).to.match(/4900 more problems/);
  });

  it('is refused as a whole, with the line and the fix, when it is not what it should be', () => {
    const cases: readonly (readonly [text: string, message: RegExp])[] = [
      [
        'services:\n  orders: 5\n',
        /^\/s:2:3: services\.orders: expected a list of instances \(write \[\] for none\)/,
      ],
      ['services:\n  orders:\n', /^\/s:2:3: services\.orders: .*got null/],
      ['services:\n  Orders: []\n', /^\/s:2:3: services\.Orders: .*lower-cased: write 'orders'/],
      ['services:\n  "../x": []\n', /^\/s:2:\d: services\["\.\.\/x"\]: no URL can reach/],
      ['services:\n  "2024": []\n', /IP address/],
      ['services: {}\nversion: 1\n', /^\/s:2:1: version: there is no such key here/],
      ['servics: {}\n', /^\/s:1:1: expected 'services:'.*got 'servics'/],
      [
        'services:\n  a: { endpoints: [], protocl: https }',
        /^\/s:2:\d+: services\.a\.protocl: .*did you mean/,
      ],
      [
        'services:\n  a: { endpoints: [], port: 70000 }',
        /^\/s:2:23: services\.a\.port: expected a whole number/,
      ],
      ['services:\n  a: { port: 1 }', /services\.a\.endpoints: expected a list/],
      ['services:\n  a: []\n  a: []\n', /^\/s:3:3: duplicated mapping key/],
      ['services: {}\n---\nservices: {}\n', /expected one document/],
      ['services: *nope\n', /^\/s:1:\d+: unidentified alias/],
      ['services: !!js/function x\n', /^\/s:1:\d+: unknown scalar tag/],
      ['just text', /expected 'services:'.*got a string/],
      ['# nothing\n', /empty/],
      ['', /the file is empty; write 'services: \{\}'/],
    ];
    for (const [text, message] of cases) expect(failure(text), text).to.match(message);
  });

  it('is refused with the place in JSON, whatever version of Node reads it', () => {
    const cases: readonly (readonly [text: string, message: RegExp])[] = [
      ['{"services": {"orders": ["a:1",]}}', /^\/s:1:32: expected a value/],
      ['{\n"services": {"a": [] "b": []}}', /^\/s:2:22: expected ',' or '}'/],
      ['{"services": {"a": []}', /^\/s:1:23: the text ends where ',' or '}' should be/],
      ['{"services": {"a": [], "a": []}}', /^\/s:1:24: this key stands here a second time/],
      ['{"services": {"a": [], "\\u0061": []}}', /^\/s:1:24: this key stands here a second time/],
      ["{'services': {}}", /^\/s:1:2: expected a key in double quotes/],
      ['{"services": {}} x', /^\/s:1:18: expected the end of the text/],
      ['{"services": {"a": ["b\n"]}}', /^\/s:1:23: expected a closing double quote/],
      ['{"services": {"a": ["\\x"]}}', /correct escape/],
      ['[01]', /^\/s:1:3: expected ',' or '\]'/],
      ['[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]', /nested deeper than 32 levels/],
      ['[1]', /^\/s:1:2: \[0\]: expected \{ targets, labels \}/],
      ['{"services": [1]}', /^\/s:1:2: services: expected instances by service name/],
      [' ', /the file is empty/],
    ];
    for (const [text, message] of cases) expect(failure(text, 'json'), text).to.match(message);
  });

  it('says that a name with a dot must be declared, so that URLs reach it', () => {
    const text = 'services:\n  orders.shop: [ "a:1" ]\n';
    expect(parse(text, 'yaml', ['orders.shop']).problems).to.deep.equal([]);
    const [problem] = parse(text).problems;
    expect(problem?.code).to.equal('undeclared-name');
    expect(problem?.detail).to.match(/^\/s:2:3: .*file\(path, \{ names: \['orders\.shop'\] \}\)$/);
  });

  it('is no bomb: aliases, depth and sizes are bounded', () => {
    const bomb = `x-0: &x0 [a, a]\n${Array.from({ length: 30 }, (_, i) => `x-${i + 1}: &x${i + 1} [*x${i}, *x${i}]\n`).join('')}services: { orders: *x30 }\n`;
    expect(problems(parse(bomb))[0]).to.match(/bad-entry/);
    const list = `[${'a,'.repeat(90_000)}]`;
    expect(failure(`x-l: &l ${list}\nservices: { a: *l, b: *l, c: *l }`)).to.match(
      /more than 100000 instances/,
    );
    expect(failure(`services: { a: ${'['.repeat(100_000)}`)).to.match(/maxDepth/);
    expect(failure(`services: { a: [${'"a:1",'.repeat(100_001)}] }`)).to.match(
      /100001 instances; at most 100000/,
    );
    const aliases = `x-a: &a []\nservices: {${Array.from({ length: 1001 }, (_, i) => ` s${i}: *a`).join(',')} }`;
    expect(failure(aliases)).to.match(/aliases/);
  });
});

describe("Prometheus' target groups", () => {
  it('are services by label, with zone, protocol and metadata from the other labels', () => {
    const catalog = parse(
      `- targets: [ 10.0.0.1:9100, web.internal ]
  labels: { job: orders, __scheme__: https, __meta_x: y, zone: eu-1a, version: 1.10 }
- targets: [ 10.0.0.2:9100 ]
  labels: { service: orders, job: node }
- targets: []
  labels: { job: idle }
`,
    );
    const secure = { protocol: 'https', zone: 'eu-1a', metadata: { version: '1.10' } };
    expect(endpoints(catalog)).to.deep.equal([
      { id: '10.0.0.1:9100', host: '10.0.0.1', port: 9100, ...secure },
      { id: '10.0.0.2:9100', host: '10.0.0.2', port: 9100, metadata: { job: 'node' } },
      { id: 'web.internal:443', host: 'web.internal', port: 443, ...secure },
    ]);
    expect(endpoints(catalog, 'idle')).to.deep.equal([]);
    expect(catalog.problems).to.deep.equal([]);
  });

  it('without a usable name are skipped and reported; those of a wrong shape are an error', () => {
    const catalog = parse(
      `[
 {"targets": ["a:1"]},
 {"targets": ["b:1"], "labels": {"job": "My Job"}},
 {"targets": ["c:1", "d:0"], "labels": {"job": "orders"}}
]`,
      'json',
    );
    expect(endpoints(catalog).map(({ id }) => id)).to.deep.equal(['c:1']);
    expect(problems(catalog)[0]).to.match(/^bad-port \/s:4:22: \[2\]\.targets\[1\]: /);
    expect(catalog.problems.map(({ code, detail }) => `${code} ${detail}`)).to.deep.equal([
      "no-service /s:2:2: [0]: no label 'service' or 'job' names the service of this group; it is skipped",
      "bad-name /s:3:34: [1].labels.job: no URL can reach a service of this name: URL hosts are lower-cased: write 'my job'; it is skipped",
    ]);
    expect(failure('[{"target": ["a:1"]}]', 'json')).to.match(/\[0\]\.targets: expected a list/);
    expect(failure('[{"targets": [], "label": {}}]', 'json')).to.match(
      /\[0\]\.label: a target group has targets and labels only/,
    );
    expect(failure('[{"targets": [], "labels": [1]}]', 'json')).to.match(
      /\[0\]\.labels: expected keys with texts/,
    );
  });
});

describe('any file at all', function () {
  this.timeout(60_000);

  /** What a catalog promises, however hostile the text was. */
  function checkCatalog(catalog: Catalog): void {
    for (const [name, { endpoints: list }] of catalog.services) {
      expect(nameFault(name)).to.equal(undefined);
      const ids = list.map(({ id }) => id);
      expect(ids).to.deep.equal([...new Set(ids)].sort());
      for (const { host, port, weight = 1, zone = 'z', metadata = {} } of list) {
        expect(host).to.match(/^[a-z0-9._:-]{1,253}$/);
        expect(Number.isInteger(port) && port >= 1 && port <= 65_535).to.equal(true);
        expect(weight).to.be.within(0, 1_000_000);
        for (const text of [zone, ...Object.entries(metadata).flat()])
          expect([...text].every((c) => c >= ' ')).to.equal(true);
      }
    }
  }

  function survives(text: string, format: FileFormat): void {
    let catalog: Catalog;
    try {
      catalog = parse(text, format);
    } catch (error) {
      if (!isCrowflyError(error, 'bad-data')) throw error;
      expect(error.message).to.match(/^\/s:\d+:\d+: ./);
      return;
    }
    checkCatalog(catalog);
  }

  const scalar = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom(
      'a:1',
      'a',
      '10.0.0.1',
      '[::1]:1',
      'http://h',
      '__proto__',
      'constructor',
      '',
      'x'.repeat(600),
    ),
    fc.integer({ min: -1, max: 70_000 }),
    fc.double(),
    fc.constantFrom(null, true, [], {}),
  );
  const field = fc.constantFrom(
    'id',
    'host',
    'port',
    'zone',
    'weight',
    'state',
    'metadata',
    'hints',
    '__proto__',
    'x',
  );
  const record = fc
    .array(fc.tuple(field, fc.oneof(scalar, fc.dictionary(fc.string(), scalar))))
    .map((entries) => {
      const text = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value) ?? 'null'}`);
      return `{${[...new Map(text.map((part) => [part.split(':')[0], part])).values()].join(',')}}`;
    });
  const entry = fc.oneof(
    record,
    scalar.map((value) => JSON.stringify(value) ?? 'null'),
  );
  const list = fc.array(entry, { maxLength: 5 }).map((entries) => `[${entries.join(',')}]`);
  const name = fc.oneof(fc.constantFrom('orders', 'a.b', '__proto__', 'A'), fc.string({ maxLength: 6 }));
  const own = fc
    .uniqueArray(fc.tuple(name, fc.oneof(list, record, entry)), { selector: ([key]) => key, maxLength: 3 })
    .map(
      (services) =>
        `{"services":{${services.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}}`,
    );
  const groups = fc
    .array(
      fc.tuple(list, fc.dictionary(fc.constantFrom('job', 'service', 'zone', '__scheme__', 'v'), scalar)),
    )
    .map((all) =>
      JSON.stringify(all.map(([targets, labels]) => ({ targets: JSON.parse(targets) as unknown, labels }))),
    );
  const noise = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.json(),
    fc
      .array(
        fc.constantFrom(
          'services',
          ':',
          '\n',
          ' ',
          '  ',
          '-',
          '[',
          ']',
          '{',
          '}',
          '"',
          "'",
          '&a',
          '*a',
          '|',
          '>',
          '#',
          '!',
          '?',
          ',',
          'a:1',
          '\t',
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join('')),
  );

  for (const format of ['json', 'yaml'] as const) {
    it(`is read or refused with a typed error, and never gives a wrong endpoint (${format})`, () => {
      fc.assert(
        fc.property(fc.oneof(own, groups, noise), (text) => survives(text, format)),
        { numRuns: 500 },
      );
    });

    it(`is so when it is cut off or changed anywhere (${format})`, () => {
      fc.assert(
        fc.property(own, fc.nat(), fc.string({ unit: 'binary', maxLength: 2 }), (text, at, other) => {
          const cut = at % (text.length + 1);
          survives(text.slice(0, cut), format);
          survives(text.slice(0, cut) + other + text.slice(cut + 1), format);
        }),
        { numRuns: 200 },
      );
    });
  }
});
