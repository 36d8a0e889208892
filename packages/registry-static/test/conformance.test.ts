import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from '@crowfly/core';
import { environment, file, inline } from '@crowfly/registry-static';
import { type RegistryHarness, registryConformance } from '@crowfly/testkit';

registryConformance({
  name: 'inline',
  setup(): RegistryHarness {
    const services: Record<string, readonly Endpoint[]> = {};
    return {
      // Read anew by each watch: the kit puts services while a registry is open, also where sets do not change.
      factory: (context) => {
        const registry = inline(services)(context);
        return { ...registry, watch: (service, feed) => inline(services)(context).watch(service, feed) };
      },
      maxInstances: 20_000,
      put: (service, endpoints) => {
        // It would be refused when the list is written, with its path: that is where an inline list is checked.
        inline({ [service]: endpoints });
        services[service] = endpoints;
      },
      remove: (service) => {
        delete services[service];
      },
      without: {
        change: 'the list is read once',
        fail: 'there is no backend',
        malformedEntry: 'a bad list is refused when it is passed in',
        malformedWhole: 'a bad list is refused when it is passed in',
      },
    };
  },
});

registryConformance({
  name: 'environment',
  setup(): RegistryHarness {
    const env: Record<string, string> = {};
    const prefix = (service: string): string => service.toUpperCase().replaceAll('-', '_');
    const remove = (service: string): void => {
      for (const key of Object.keys(env)) if (key.startsWith(`${prefix(service)}_SERVICE_`)) delete env[key];
    };
    return {
      factory: (context) => environment({ env: { ...env } })(context),
      put: (service, endpoints) => {
        remove(service);
        for (const { host, port } of endpoints) {
          env[`${prefix(service)}_SERVICE_HOST`] = host;
          env[`${prefix(service)}_SERVICE_PORT`] = String(port);
        }
      },
      remove,
      maxInstances: 1,
      without: {
        change: 'the environment is fixed when a process starts',
        empty: 'a variable is there or not',
        fail: 'there is no backend',
        malformedEntry: 'a service is one entry',
        malformedWhole: 'the environment is always readable',
      },
    };
  },
});

type Services = ReadonlyMap<string, readonly unknown[]>;

const yaml = (services: Services): string =>
  `services: ${services.size === 0 ? '{}' : ''}\n${[...services]
    .map(
      ([name, list]) => `  ${name}: [${list.map((entry) => `\n    ${JSON.stringify(entry)},`).join('')}]\n`,
    )
    .join('')}`;

const json = (services: Services): string =>
  JSON.stringify({ services: Object.fromEntries(services) }, null, 2);

for (const [name, extension, write] of [
  ['file (YAML)', 'yaml', yaml],
  ['file (JSON)', 'json', json],
] as const) {
  registryConformance({
    name,
    async setup(): Promise<RegistryHarness> {
      const directory = await mkdtemp(join(tmpdir(), 'crowfly-conformance-'));
      const path = join(directory, `services.${extension}`);
      const services = new Map<string, readonly unknown[]>();
      const save = async (text = write(services)): Promise<void> => {
        await writeFile(`${path}.new`, text);
        await rename(`${path}.new`, path);
      };
      await save();
      return {
        factory: file(path),
        put: (service, endpoints) => {
          services.set(service, endpoints);
          return save();
        },
        remove: (service) => {
          services.delete(service);
          return save();
        },
        fail: () => rm(path),
        heal: () => save(),
        malformedEntry: (service, endpoints) => {
          services.set(service, [...endpoints, { host: '10.9.9.9', port: 70_000 }]);
          return save();
        },
        malformedWhole: () => save('<html>'),
        storms: { 'is cut off': () => save('{"services": {'), 'is empty': () => save('') },
        maxInstances: 20_000,
        close: () => rm(directory, { recursive: true }),
      };
    },
  });
}
