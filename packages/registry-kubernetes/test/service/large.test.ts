import { expect } from 'chai';
import { pod, slice } from '../support/objects.ts';
import { Rig } from '../support/rig.ts';

const SLICES = 30;
const PER_SLICE = 100;
const address = (n: number): string => `10.1.${n >> 8}.${n & 255}`;

function fill(rig: Rig, service: string): void {
  for (let at = 0; at < SLICES; at++) {
    const endpoints = Array.from({ length: PER_SLICE }, (_, n) => pod(address(at * PER_SLICE + n)));
    rig.server.cluster.put('endpointslices', slice({ name: `${service}-${at}`, service, endpoints }));
  }
}

describe('a service of thousands of endpoints', () => {
  let rig: Rig;
  beforeEach(async () => {
    rig = await Rig.start();
  });
  afterEach(() => rig.close());

  it('is told once, whole and sorted, and a small one beside it too', async () => {
    fill(rig, 'orders');
    rig.server.cluster.put(
      'endpointslices',
      slice({ name: 'stock-1', service: 'stock', endpoints: [pod('10.2.0.1')] }),
    );
    const large = rig.watch('orders');
    const again = rig.watch('orders:http');
    const small = rig.watch('stock');
    await small.says('10.2.0.1:8080');
    await rig.until(() => large.sets.length > 0 && again.sets.length > 0, 'expected a set');
    expect(large.sets).to.have.length(1);
    expect(again.sets).to.have.length(1);
    const ids = large.sets[0]?.map(({ id }) => id) ?? [];
    expect(ids).to.have.length(SLICES * PER_SLICE);
    expect(ids).to.deep.equal([...ids].sort());
    expect(new Set(large.sets[0]?.map(({ host }) => host)).size).to.equal(SLICES * PER_SLICE);
  });

  it('keeps the objects of all other endpoints when one slice changes', async () => {
    fill(rig, 'orders');
    const large = rig.watch('orders');
    await rig.until(() => large.sets.length === 1, 'expected a set');
    const name = 'orders-7';
    rig.server.cluster.put(
      'endpointslices',
      slice({ name, endpoints: [pod(address(701)), pod('10.9.0.1')] }),
    );
    await rig.pass(100, 20);
    await rig.until(() => large.sets.length > 1, 'expected another set');
    const [before = [], after = []] = [large.sets[0], large.sets.at(-1)];
    expect(after).to.have.length(SLICES * PER_SLICE - PER_SLICE + 2);
    const known = new Set(before);
    expect(after.filter((endpoint) => !known.has(endpoint)).map(({ host }) => host)).to.deep.equal([
      '10.9.0.1',
    ]);
  });

  it('may end, or begin to be watched once more, while its set is being made', async () => {
    fill(rig, 'orders');
    const left = rig.watch('orders');
    const stays = rig.watch('orders:8080');
    const later = rig.watch('orders:http');
    await left.end();
    await rig.until(() => stays.sets.length > 0 && later.sets.length > 0, 'expected a set');
    expect(stays.sets.at(-1)).to.have.length(SLICES * PER_SLICE);
    expect(left.error).to.equal(undefined);
  });
});
