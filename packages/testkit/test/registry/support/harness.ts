import type { RegistryHarness } from '@crowfly/testkit';
import { adapter, type Fault } from './adapter.js';
import { Backend } from './backend.js';

/** The reference adapter over a backend in memory, with every hand that the kit can use. */
export function harness(...faults: readonly Fault[]): RegistryHarness {
  const backend = new Backend();
  return {
    factory: adapter(backend, ...faults),
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
    close: () => backend.leaks.forEach(clearInterval),
  };
}
