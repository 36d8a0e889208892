import { isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseEntry } from '../dist/parse.js';
import { entryOf } from './support/fake-agent.ts';

const READING = { warnings: false, taggedAddress: undefined, zoneKey: 'zone', tags: [] as string[] };
const SERVICE = { name: 'orders', id: 'o-1', address: '10.0.0.1', port: 8080 };

type Entry = {
  Node: Record<string, unknown>;
  Service: Record<string, unknown>;
  Checks: Record<string, unknown>[];
};
const entry = (service: object = {}, node: object = {}): Entry => {
  const made = entryOf(SERVICE) as Entry;
  Object.assign(made.Service, service);
  Object.assign(made.Node, node);
  return made;
};

describe('an entry of a health answer', () => {
  it('becomes an endpoint', () => {
    const meta = { zone: 'z1', protocol: 'https', team: 'shop' };
    const { endpoint } = parseEntry(
      entry({ Meta: meta, Tags: ['a', 'b'], Weights: { Passing: 5, Warning: 1 } }),
      0,
      READING,
    );
    expect({ ...endpoint, metadata: { ...endpoint?.metadata } }).to.deep.equal({
      id: 'node-1/o-1',
      name: 'o-1',
      host: '10.0.0.1',
      port: 8080,
      state: 'ready',
      weight: 5,
      zone: 'z1',
      node: 'node-1',
      protocol: 'https',
      metadata: { ...meta, tags: 'a,b' },
    });
    expect(Object.isFrozen(endpoint)).to.equal(true);
  });

  it('has the address of its service, else its node’s; a tagged one where both have it', () => {
    const at = (raw: Entry, taggedAddress?: string): string => {
      const { endpoint } = parseEntry(raw, 0, { ...READING, taggedAddress });
      return `${endpoint?.host}:${endpoint?.port}`;
    };
    expect(at(entry({ Address: '' }))).to.equal('10.0.0.1:8080');
    expect(at(entry({ Address: '' }, { Address: '10.9.9.9' }))).to.equal('10.9.9.9:8080');
    const tagged = { TaggedAddresses: { wan: { Address: '203.0.113.1', Port: 443 } } };
    expect(at(entry(tagged), 'wan')).to.equal('203.0.113.1:443');
    expect(at(entry(tagged), 'lan')).to.equal('10.0.0.1:8080');
    expect(at(entry({ Address: '' }, { TaggedAddresses: { wan: '203.0.113.9' } }), 'wan')).to.equal(
      '203.0.113.9:8080',
    );
    expect(at(entry({}, { TaggedAddresses: { wan: '203.0.113.9' } }), 'wan'), 'not its node’s').to.equal(
      '10.0.0.1:8080',
    );
  });

  it('counts by its worst check', () => {
    const by = (status: string, warnings: boolean, CheckID = 'service:o-1', Notes = ''): string => {
      const raw = entry({ Weights: { Passing: 10, Warning: 3 } });
      raw.Checks.push({ CheckID, Status: status, Notes });
      const { endpoint, unhealthy } = parseEntry(raw, 0, { ...READING, warnings });
      return unhealthy ? 'out' : `${endpoint?.state} ${endpoint?.weight}`;
    };
    expect(by('passing', false)).to.equal('ready 10');
    expect(by('warning', false)).to.equal('out');
    expect(by('warning', true)).to.equal('ready 3');
    expect(by('critical', true)).to.equal('out');
    expect(by('no status of Consul', true)).to.equal('out');
    expect(by('critical', false, '_service_maintenance:o-1', 'crowfly: draining')).to.equal('draining 10');
    expect(by('critical', false, '_service_maintenance:o-1', 'a disk')).to.equal('out');
    expect(by('critical', false, '_node_maintenance', 'crowfly: draining')).to.equal('out');
  });

  it('with a port or an address that is none costs itself, with a word', () => {
    for (const Port of [0, -1, 70_000, 1.5, '80', null]) {
      const { endpoint, problem } = parseEntry(entry({ Port }), 0, READING);
      expect([endpoint, problem?.code], String(Port)).to.deep.equal([undefined, 'bad-port']);
    }
    expect(parseEntry(entry({ Address: '' }, { Address: '' }), 0, READING).problem?.code).to.equal(
      'bad-address',
    );
    expect(parseEntry(entry({ ID: 7 }), 0, READING).problem?.code).to.equal('bad-id');
    expect(() => parseEntry({ items: [] }, 0, READING)).to.throw('Node and Service');
    expect(() => parseEntry(null, 0, READING)).to.throw('Node and Service');
  });

  it('is found by its tags, whatever their case', () => {
    const raw = entry({ Tags: ['V2', 'primary'] });
    expect(parseEntry(raw, 0, { ...READING, tags: ['v2'] }).endpoint).not.to.equal(undefined);
    expect(parseEntry(raw, 0, { ...READING, tags: ['v2', 'primary'] }).endpoint).not.to.equal(undefined);
    expect(parseEntry(raw, 0, { ...READING, tags: ['v3'] })).to.deep.equal({});
  });

  it('of any kind is an endpoint, a word, or bad-data', () => {
    const some = fc.oneof(fc.jsonValue(), fc.constantFrom('__proto__', '', 0, null));
    const any = fc.oneof(
      fc.jsonValue(),
      fc.record({
        Node: fc.dictionary(fc.constantFrom('Node', 'Address', 'Meta'), some),
        Service: fc.dictionary(
          fc.constantFrom('ID', 'Address', 'Port', 'Meta', 'Tags', 'Weights', 'TaggedAddresses'),
          some,
        ),
        Checks: some,
      }),
    );
    fc.assert(
      fc.property(any, (raw) => {
        try {
          const { endpoint } = parseEntry(raw, 0, READING);
          if (endpoint !== undefined) expect(endpoint.port).to.be.within(1, 65_535);
        } catch (error) {
          if (!isCrowflyError(error, 'bad-data')) throw error;
        }
      }),
    );
  });
});
