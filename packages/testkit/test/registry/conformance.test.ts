import { expect } from 'chai';
import { scriptedRegistry, type RegistryHarness } from '@crowfly/testkit';
import { adapter } from './support/adapter.js';
import { Backend } from './support/backend.js';
import { conform } from './support/run.js';

describe('registryConformance on adapters that keep the contract', () => {
  it('passes an adapter that declares everything, with every rule checked', async function () {
    this.timeout(60_000);
    const { failed, passed, pending, lines } = await conform({ name: 'memory', setup: () => harness(new Backend()) });
    expect(failed).to.deep.equal([]);
    expect(pending).to.deep.equal([]);
    expect(passed.length).to.be.greaterThan(40);
    expect(lines[0]).to.match(/^memory: kept rule 1 \(\d+\), .*rule 11 \(\d+\), locate \(\d+\)/);
  });
});

export function harness(backend: Backend): RegistryHarness {
  return {
    factory: adapter(backend),
    put: (service, endpoints) => backend.put(service, endpoints),
    remove: (service) => backend.remove(service),
    fail: () => backend.fail(),
    heal: () => backend.heal(),
    malformedEntry: (service, endpoints) => backend.put(service, [...endpoints, { host: 7 }]),
    malformedWhole: (service) => backend.garble(service),
    cut: (change) => backend.lose(change),
    freeze: () => backend.freeze(),
    rotateCredentials: () => backend.rotate(),
    deny: () => backend.deny(),
    storms: { 'answers at once': () => backend.storm() },
    requests: () => backend.requests,
    secrets: [backend.token],
  };
}
