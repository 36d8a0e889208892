import { isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Parsed, parseEndpointSlice, parseEndpoints } from '../dist/parse.js';
import type { Instance, Slice } from '../dist/slice.js';
import { pod, pods, slice } from './support/objects.ts';

const only = ({ slices }: Parsed): Slice => {
  expect(slices).to.have.lengthOf(1);
  return slices[0] as Slice;
};
const parsed = (facts: Partial<Parameters<typeof slice>[0]>): Slice =>
  only(parseEndpointSlice(slice({ name: 'orders-abc', ...facts })));
const instance = (facts: Record<string, unknown>): Instance | undefined =>
  parsed({ endpoints: [pod('10.0.0.1', facts)] }).instances[0];
const codes = ({ problems }: Slice): string[] => problems.map(({ code }) => code);

describe('an EndpointSlice', () => {
  it('is read with what matters of it', () => {
    const endpoints = [
      pod('10.0.0.1', {
        zone: 'a',
        nodeName: 'node-1',
        hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'node-1' }] },
      }),
      { addresses: ['10.0.0.2', '10.9.9.9'] },
    ];
    const object = slice({ name: 'orders-abc', endpoints });
    object.metadata.resourceVersion = '42';
    expect(parseEndpointSlice(object)).to.deep.equal({
      name: 'orders-abc',
      version: '42',
      service: 'orders',
      slices: [
        {
          name: 'orders-abc',
          service: 'orders',
          family: 'IPv4',
          ports: [{ name: 'http', port: 8080, protocol: undefined }],
          portless: false,
          problems: [],
          instances: [
            {
              id: 'uid-10.0.0.1',
              host: '10.0.0.1',
              state: 'ready',
              zone: 'a',
              node: 'node-1',
              hints: { zones: ['a'], nodes: ['node-1'] },
              metadata: { pod: 'pod-10.0.0.1', namespace: 'shop', node: 'node-1' },
            },
            {
              id: '10.0.0.2',
              host: '10.0.0.2',
              state: 'ready',
              zone: undefined,
              node: undefined,
              hints: undefined,
              metadata: { namespace: 'shop' },
            },
          ],
        },
      ],
    });
  });

  for (const [conditions, state] of [
    [undefined, 'ready'],
    [null, 'ready'],
    [{}, 'ready'],
    [{ ready: null, serving: null, terminating: null }, 'ready'],
    [{ ready: true }, 'ready'],
    [{ ready: false }, undefined],
    [{ ready: false, serving: true }, undefined],
    [{ ready: false, serving: true, terminating: true }, 'draining'],
    [{ ready: false, serving: false, terminating: true }, undefined],
    [{ ready: false, terminating: true }, undefined],
    [{ terminating: true }, 'draining'],
    // publishNotReadyAddresses makes ready true, whatever the pod does.
    [{ ready: true, serving: true, terminating: true }, 'draining'],
    [{ ready: true, serving: false, terminating: true }, undefined],
    [{ ready: true, serving: false, terminating: false }, 'ready'],
  ] as const) {
    it(`with conditions ${JSON.stringify(conditions)} is ${state ?? 'not used'}`, () => {
      expect(instance({ conditions })?.state).to.equal(state);
    });
  }

  it('may have null for its lists, and be empty', () => {
    for (const endpoints of [null, undefined, []]) {
      const { instances, problems } = parsed({ endpoints });
      expect([instances, problems]).to.deep.equal([[], []]);
    }
    for (const ports of [null, undefined, []]) {
      const { ports: read, portless, problems } = parsed({ ports, endpoints: pods('10.0.0.1') });
      expect([read, portless, problems]).to.deep.equal([[], true, []]);
    }
  });

  it('with what is no list says so, and loses nothing else', () => {
    const one = parsed({ ports: 'http', endpoints: pods('10.0.0.1') });
    expect(codes(one)).to.deep.equal(['bad-field']);
    expect(one.instances).to.have.lengthOf(1);
    expect(codes(parsed({ endpoints: { a: 1 } }))).to.deep.equal(['bad-field']);
  });

  for (const [port, code] of [
    [{ name: 'http', port: 0 }, 'bad-port'],
    [{ name: 'http', port: 70_000 }, 'bad-port'],
    [{ name: 'http', port: 1.5 }, 'bad-port'],
    [{ name: 'http', port: '8080' }, 'bad-port'],
    [{ name: 'http', port: null }, 'bad-port'],
    [{ name: 'http' }, 'bad-port'],
    [null, 'bad-port'],
    [{ name: 'dns', port: 53, protocol: 'UDP' }, undefined],
    [{ name: 'sctp', port: 99_999, protocol: 'SCTP' }, undefined],
  ] as const) {
    it(`skips the port ${JSON.stringify(port)}${code === undefined ? '' : ' with a problem'}`, () => {
      const one = parsed({ ports: [port, { name: 'good', port: 1 }], endpoints: pods('10.0.0.1') });
      expect(one.ports).to.deep.equal([{ name: 'good', port: 1, protocol: undefined }]);
      expect(one.portless).to.equal(false);
      expect(codes(one)).to.deep.equal(code === undefined ? [] : [code]);
    });
  }

  it('has a name for a port that has none', () => {
    for (const name of [null, undefined, ''])
      expect(parsed({ ports: [{ name, port: 80 }] }).ports[0]?.name).to.equal('');
  });

  for (const [appProtocol, protocol] of [
    [null, undefined],
    [7, undefined],
    ['http', 'http'],
    ['https', 'https'],
    ['HTTPS', 'https'],
    ['kubernetes.io/h2c', 'h2c'],
    ['kubernetes.io/ws', 'http'],
    ['kubernetes.io/wss', 'https'],
    ['grpc', undefined],
    ['example.com/own', undefined],
    ['__proto__', undefined],
  ] as const) {
    it(`with appProtocol ${appProtocol} speaks ${protocol ?? 'what the URL says'}`, () => {
      expect(parsed({ ports: [{ port: 80, appProtocol }] }).ports[0]?.protocol).to.equal(protocol);
    });
  }

  it('of names instead of addresses is skipped, with a notice', () => {
    const one = parsed({ addressType: 'FQDN', endpoints: [{ addresses: ['www.example.com'] }] });
    expect(one.instances).to.deep.equal([]);
    expect(one.problems).to.deep.equal([
      {
        code: 'bad-address-type',
        detail: "'orders-abc': its addresses are of the type 'FQDN', and not IPv4 or IPv6: they are skipped",
        entry: 'orders-abc',
      },
    ]);
    expect(parsed({ addressType: 'IPv6', endpoints: pods('fd00::1') }).family).to.equal('IPv6');
  });

  it('with an endpoint that has no address costs that endpoint', () => {
    const bad = [
      null,
      7,
      { addresses: null },
      { addresses: [] },
      { addresses: [''] },
      { addresses: [7] },
      { addresses: '10.0.0.9' },
    ];
    const one = parsed({ endpoints: [...bad, ...pods('10.0.0.1')] });
    expect(one.instances.map(({ host }) => host)).to.deep.equal(['10.0.0.1']);
    expect(codes(one)).to.deep.equal(bad.map(() => 'bad-address'));
    expect(one.problems[0]).to.include({
      detail: "'orders-abc': its endpoint 0 has no address",
      entry: 'orders-abc[0]',
    });
  });

  it('tells no more than twenty problems', () => {
    expect(parsed({ endpoints: Array.from({ length: 1_000 }, () => null) }).problems).to.have.lengthOf(20);
  });

  it('takes a pod for its name, and not what else a target may be', () => {
    const metadata = (targetRef: unknown): unknown => instance({ targetRef })?.metadata;
    expect(metadata({ kind: 'Pod', name: 'p', uid: 'u' })).to.deep.equal({ pod: 'p', namespace: 'shop' });
    expect(metadata({ kind: 'VirtualMachine', name: 'p', uid: 'u' })).to.deep.equal({ namespace: 'shop' });
    expect(instance({ targetRef: null })?.id).to.equal('10.0.0.1');
  });

  it('has an instance for each address where one object that is no pod has several', () => {
    const targetRef = { kind: 'ExternalEntity', name: 'mainframe', uid: 'u' };
    const { instances } = parsed({
      endpoints: [pod('10.0.0.1', { targetRef }), pod('10.0.0.2', { targetRef })],
    });
    expect(instances.map(({ id }) => id)).to.deep.equal(['10.0.0.1', '10.0.0.2']);
  });

  it('without a name is an error, and one without the label is of no service', () => {
    for (const raw of [
      null,
      7,
      'x',
      [],
      {},
      { metadata: null },
      { metadata: { name: '' } },
      { metadata: { name: {} } },
    ]) {
      for (const parse of [parseEndpointSlice, parseEndpoints])
        expect(() => parse(raw)).to.throw(/^expected an object with metadata\.name, got /);
    }
    expect(parseEndpointSlice({ metadata: { name: 'a' } }).service).to.equal('');
  });
});

describe('an Endpoints object', () => {
  const subsets = [
    {
      addresses: [
        { ip: '10.0.0.1', nodeName: 'n', targetRef: { kind: 'Pod', name: 'p', uid: 'u' } },
        { ip: 'fd00::1' },
      ],
      notReadyAddresses: [{ ip: '10.0.0.9' }],
      ports: [{ name: 'http', port: 80 }],
    },
    {
      addresses: [{ ip: '10.0.0.2' }, { ip: null }],
      ports: [
        { name: 'http', port: 81, appProtocol: 'https' },
        { name: 'udp', port: 5, protocol: 'UDP' },
      ],
    },
    { addresses: null, ports: null },
    null,
  ];
  const object = {
    metadata: {
      name: 'orders',
      namespace: 'shop',
      resourceVersion: '7',
      annotations: { 'endpoints.kubernetes.io/over-capacity': 'truncated' },
    },
    subsets,
  };

  it('is a slice for each subset and family, and one for the whole', () => {
    const { service, version, slices } = parseEndpoints(object);
    expect([service, version]).to.deep.equal(['orders', '7']);
    expect(
      slices.map(({ name, family, ports, instances }) => [
        name,
        family,
        ports[0]?.port,
        ...instances.map(({ id }) => id),
      ]),
    ).to.deep.equal([
      ['orders', 'IPv4', undefined],
      ['orders#0/IPv4', 'IPv4', 80, 'u'],
      ['orders#0/IPv6', 'IPv6', 80, 'fd00::1'],
      ['orders#1/IPv4', 'IPv4', 81, '10.0.0.2'],
    ]);
    expect(slices[0]?.problems.map(({ code }) => code)).to.deep.equal(['truncated', 'bad-address']);
    expect(slices[0]?.problems[0]?.detail).to.match(/was cut at 1,000 addresses.*read EndpointSlices/);
    expect(slices[1]?.instances[0]?.metadata).to.deep.equal({ pod: 'p', namespace: 'shop', node: 'n' });
  });

  it('without subsets is a known, empty service', () => {
    for (const none of [null, undefined, []])
      expect(parseEndpoints({ ...object, subsets: none }).slices).to.have.lengthOf(1);
  });
});

describe('anything at all', () => {
  const key = fc.oneof(
    fc.constantFrom(
      'metadata',
      'name',
      'labels',
      'kubernetes.io/service-name',
      'endpoints',
      'ports',
      'port',
      'addresses',
      'conditions',
      'ready',
      'targetRef',
      'uid',
      'kind',
      'zone',
      'nodeName',
      'hints',
      'forZones',
      'appProtocol',
      'addressType',
      'subsets',
      'ip',
      'annotations',
      'protocol',
      '__proto__',
      'constructor',
      'toString',
    ),
    fc.string(),
  );
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(
      fc.constantFrom(null, true, false, 0, 80, -1, 70_000, 'TCP', 'Pod', 'IPv4', '10.0.0.1', '', 'a\u0000b'),
      fc.string({ unit: 'binary' }),
      fc.double(),
    ),
    tree: fc.oneof(
      { maxDepth: 6 },
      tie('leaf'),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc
        .array(fc.tuple(key, tie('tree')), { maxLength: 6 })
        .map(
          (entries) =>
            `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join()}}`,
        )
        .map((text) => JSON.parse(text)),
    ),
  }));
  const object = fc.record(
    {
      metadata: fc.record(
        { name: fc.constant('n'), labels: tree, annotations: tree, namespace: tree, resourceVersion: tree },
        { requiredKeys: ['name'] },
      ),
      addressType: fc.oneof(fc.constant('IPv4'), tree),
      ports: fc.oneof(
        fc.array(fc.oneof(tree, fc.record({ name: tree, port: tree, protocol: tree, appProtocol: tree }))),
        tree,
      ),
      endpoints: fc.oneof(
        fc.array(
          fc.oneof(
            tree,
            fc.record({
              addresses: fc.oneof(tree, fc.array(tree)),
              conditions: tree,
              targetRef: tree,
              hints: tree,
              zone: tree,
            }),
          ),
        ),
        tree,
      ),
      subsets: fc.oneof(
        fc.array(
          fc.record({ addresses: fc.array(fc.record({ ip: tree, targetRef: tree })), ports: fc.array(tree) }),
        ),
        tree,
      ),
    },
    { requiredKeys: ['metadata'] },
  );
  const pristine = Object.getOwnPropertyNames(Object.prototype).join();

  for (const [name, parse] of Object.entries({ parseEndpointSlice, parseEndpoints })) {
    it(`throws nothing from ${name} but bad-data, gives strings where strings belong, and changes no prototype`, () => {
      fc.assert(
        fc.property(fc.oneof(object, tree), (raw) => {
          let result: Parsed;
          try {
            result = parse(raw);
          } catch (error) {
            expect(isCrowflyError(error, 'bad-data'), String(error)).to.equal(true);
            return;
          }
          for (const { ports, instances, problems } of result.slices) {
            for (const { port, name } of ports)
              expect([port >= 1 && port <= 65_535, typeof name]).to.deep.equal([true, 'string']);
            for (const { id, host, zone = '', node = '', metadata, hints } of instances) {
              const texts = [
                id,
                host,
                zone,
                node,
                ...Object.values(metadata),
                ...(hints?.zones ?? []),
                ...(hints?.nodes ?? []),
              ];
              expect(texts.every((text) => typeof text === 'string')).to.equal(true);
              expect(Object.getPrototypeOf(metadata)).to.equal(Object.prototype);
            }
            expect(problems.length).to.be.at.most(20);
            for (const { detail } of problems) expect(detail).to.match(/^[^\p{Cc}]{1,400}$/u);
          }
        }),
        { numRuns: 1_000 },
      );
      expect(Object.getOwnPropertyNames(Object.prototype).join()).to.equal(pristine);
    });
  }
});
