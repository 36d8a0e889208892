import { registryConformance } from '@crowfly/testkit';
import { phoneBook } from '../src/registry.js';
import { PhoneBookServer } from '../src/server.js';

registryConformance({
  name: 'the phone book',
  async setup() {
    const server = new PhoneBookServer();
    return {
      factory: phoneBook(await server.listen()),
      put: (service, endpoints) => server.put(service, endpoints),
      remove: (service) => server.put(service, undefined),
      fail: () => server.become('broken'),
      heal: () => server.become('well'),
      malformedEntry: (service, endpoints) => server.put(service, [...endpoints, { host: 7 }, null]),
      malformedWhole: () => server.become('garbled'),
      storms: {
        'answers at once': () => server.become('answers at once'),
        'closes at once': () => server.become('closes at once'),
      },
      maxInstances: 5000,
      close: () => server.close(),
    };
  },
});
