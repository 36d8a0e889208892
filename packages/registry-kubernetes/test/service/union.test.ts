import type { Endpoint } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';
import { sliceEndpoints } from '../../dist/service/slice-endpoints.js';
import { Union } from '../../dist/service/union.js';
import type { Instance, Slice } from '../../dist/slice.js';

/** A few pods on fewer addresses, so that they meet. */
interface Held {
  readonly pod: number;
  readonly address: number;
  readonly draining: boolean;
  readonly zone: string;
}

const instanceOf = ({ pod, address, draining, zone }: Held): Instance => ({
  id: `pod-${pod}`,
  host: `10.0.0.${address}`,
  state: draining ? 'draining' : 'ready',
  zone,
  node: undefined,
  hints: undefined,
  metadata: {},
});

function sliceOf(name: string, held: readonly Held[], port: number): Slice {
  const ports = [{ name: 'http', port, protocol: undefined }];
  return {
    name,
    service: 'orders',
    family: 'IPv4',
    ports,
    portless: false,
    instances: held.map(instanceOf),
    problems: [],
  };
}

const CHOICE = { kind: 'named', name: 'http' } as const;
const essence = ({ id, host, port, state }: Endpoint): string => `${id} ${host}:${port} ${state}`;

/** The same, computed anew: of all that claim an address, the ready one, then the one whose id comes first. */
function expected(slices: Iterable<readonly Endpoint[]>): string[] {
  const best = new Map<string, Endpoint>();
  const rank = ({ state, id }: Endpoint): string => `${state === 'draining' ? 1 : 0} ${id}`;
  for (const endpoint of [...slices].flat()) {
    const key = `${endpoint.host}:${endpoint.port}`;
    const other = best.get(key);
    if (other === undefined || rank(endpoint) < rank(other)) best.set(key, endpoint);
  }
  return [...best.values()].map(essence).sort();
}

class Slices {
  readonly union = new Union();
  readonly held = new Map<string, readonly Endpoint[]>();

  set(name: string, held: readonly Held[], port = 8080): void {
    const known = this.held.get(name) ?? [];
    const endpoints = sliceEndpoints(sliceOf(name, held, port), CHOICE, known);
    this.union.change(known, endpoints);
    this.held.set(name, endpoints);
  }

  delete(name: string): void {
    this.union.change(this.held.get(name) ?? [], []);
    this.held.delete(name);
  }
}

describe('the union of slices', () => {
  // A pod has one address at a time: `pod` and `address` are drawn together, so an address may go to another pod.
  const held = fc.record({
    pod: fc.nat(7),
    address: fc.nat(4),
    draining: fc.boolean(),
    zone: fc.constantFrom('a', 'b'),
  });
  const step = fc.record({
    name: fc.constantFrom('s1', 's2', 's3'),
    held: fc.option(fc.uniqueArray(held, { selector: ({ pod }) => pod, maxLength: 6 })),
    port: fc.constantFrom(8080, 8081),
  });

  it('is what a computation from nothing gives, sorted, after any changes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const slices = new Slices();
        let before: readonly Endpoint[] = [];
        for (const { name, held, port } of steps) {
          const others = new Set(
            [...slices.held].filter(([other]) => other !== name).flatMap(([, list]) => list),
          );
          if (held === null) slices.delete(name);
          else slices.set(name, held, port);
          const now = slices.union.endpoints;
          expect(now.map(essence).sort()).to.deep.equal(expected(slices.held.values()));
          const ids = now.map(({ id }) => id);
          expect(ids).to.deep.equal([...ids].sort());
          const known = new Set(before);
          // One of another slice comes in only where something else had its address.
          for (const { host, port: at } of now.filter((one) => others.has(one) && !known.has(one)))
            expect(before.some((one) => one.host === host && one.port === at)).to.equal(true);
          before = now;
        }
        for (const name of [...slices.held.keys()]) slices.delete(name);
        expect(slices.union.endpoints).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it('is the same for hundreds of changes at once, of one id on several addresses too', () => {
    const many = fc.record({
      pod: fc.nat(400),
      address: fc.nat(250),
      draining: fc.boolean(),
      zone: fc.constantFrom('a', 'b'),
    });
    const set = fc.record({
      name: fc.constantFrom('s1', 's2'),
      held: fc.array(many, { minLength: 50, maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(set, { minLength: 2, maxLength: 5 }), (sets) => {
        const slices = new Slices();
        for (const { name, held } of sets) {
          slices.set(name, held);
          const now = slices.union.endpoints;
          expect(now.map(essence).sort()).to.deep.equal(expected(slices.held.values()));
          const ids = now.map(({ id }) => id);
          expect(ids).to.deep.equal([...ids].sort());
        }
      }),
      { numRuns: 100 },
    );
  });

  const one = (pod: number, address: number, draining = false): Held => ({
    pod,
    address,
    draining,
    zone: 'a',
  });
  const ids = ({ union }: Slices): string[] => union.endpoints.map(({ id }) => id);

  it('has an endpoint once that stands in two slices, in whichever order it moves', () => {
    for (const addFirst of [true, false]) {
      const slices = new Slices();
      slices.set('s1', [one(1, 1), one(2, 2)]);
      const moved = [one(2, 2)];
      if (addFirst) slices.set('s2', moved);
      else slices.set('s1', [one(1, 1)]);
      expect(ids(slices).includes('pod-2:8080')).to.equal(addFirst);
      if (addFirst) slices.set('s1', [one(1, 1)]);
      else slices.set('s2', moved);
      expect(ids(slices)).to.deep.equal(['pod-1:8080', 'pod-2:8080']);
    }
  });

  it('prefers the new pod to the one that drains on the same address', () => {
    const slices = new Slices();
    slices.set('s1', [one(1, 1, true)]);
    expect(ids(slices)).to.deep.equal(['pod-1:8080']);
    slices.set('s2', [one(2, 1)]);
    expect(ids(slices)).to.deep.equal(['pod-2:8080']);
    slices.delete('s2');
    expect(ids(slices)).to.deep.equal(['pod-1:8080']);
  });

  it('keeps the objects of what did not change, and the list when nothing did', () => {
    const slices = new Slices();
    slices.set('s1', [one(1, 1), one(2, 2)]);
    const [first, second] = slices.union.endpoints;
    const list = slices.union.endpoints;
    slices.set('s1', [one(2, 2), one(1, 1)]);
    expect(slices.union.endpoints).to.equal(list);
    slices.set('s1', [one(1, 1), one(2, 2, true), one(3, 3)]);
    expect(slices.union.endpoints[0]).to.equal(first);
    expect(slices.union.endpoints[1]).not.to.equal(second);
  });

  it('is frozen in all its parts', () => {
    const slices = new Slices();
    slices.set('s1', [one(1, 1)]);
    expect(Object.isFrozen(slices.union.endpoints[0])).to.equal(true);
  });
});

describe('the endpoints of a slice', () => {
  const facts: Instance = {
    id: 'uid',
    host: 'fd00::1',
    state: 'ready',
    zone: undefined,
    node: undefined,
    hints: undefined,
    metadata: {},
  };
  const base = sliceOf('s', [], 8080);

  it('have the address for an id where there is no uid', () => {
    const of = (host: string): string | undefined =>
      sliceEndpoints({ ...base, instances: [{ ...facts, id: host, host }] }, CHOICE, [])[0]?.id;
    expect(of('10.0.0.1')).to.equal('10.0.0.1:8080');
    expect(of('fd00::1')).to.equal('[fd00::1]:8080');
  });

  it('say nothing of what is not known', () => {
    const [endpoint] = sliceEndpoints({ ...base, instances: [facts] }, CHOICE, []);
    expect(endpoint).to.deep.equal({
      id: 'uid:8080',
      host: 'fd00::1',
      port: 8080,
      state: 'ready',
      metadata: {},
    });
  });

  it('are none where the slice does not have the port', () => {
    expect(
      sliceEndpoints({ ...base, instances: [facts] }, { kind: 'named', name: 'other' }, []),
    ).to.deep.equal([]);
    expect(sliceEndpoints({ ...base, instances: [facts] }, { kind: 'number', port: 1 }, [])).to.deep.equal(
      [],
    );
    const portless = { ...base, ports: [], portless: true, instances: [facts] };
    expect(sliceEndpoints(portless, { kind: 'number', port: 1 }, [])[0]?.port).to.equal(1);
  });

  const change = (facts: Partial<Instance>, protocol?: 'https' | 'h2c'): Slice => ({
    ...base,
    ports: [{ name: 'http', port: 8080, protocol }],
    instances: [
      {
        id: 'uid',
        host: '10.0.0.1',
        state: 'ready',
        zone: 'a',
        node: 'n',
        hints: { zones: ['a'], nodes: ['n'] },
        metadata: { pod: 'p', namespace: 'shop' },
        ...facts,
      },
    ],
  });

  it('are new objects when anything about them changed', () => {
    const before = sliceEndpoints(change({}), CHOICE, []);
    expect(sliceEndpoints(change({}), CHOICE, before)[0]).to.equal(before[0]);
    for (const changed of [
      change({ host: '10.0.0.2' }),
      change({ state: 'draining' }),
      change({ zone: 'b' }),
      change({ node: 'm' }),
      change({ hints: undefined }),
      change({ hints: { zones: ['b'], nodes: ['n'] } }),
      change({ hints: { zones: ['a', 'b'], nodes: ['n'] } }),
      change({ hints: { zones: ['a'] } }),
      change({ metadata: { pod: 'q', namespace: 'shop' } }),
      change({}, 'h2c'),
    ])
      expect(sliceEndpoints(changed, CHOICE, before)[0]).not.to.equal(before[0]);
  });
});
