import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from '@crowfly/core';
import { type RegistryHarness, registryConformance } from '@crowfly/testkit';
import { consul } from '../dist/index.js';
import { FakeAgent, type FakeService, type Mood } from './support/fake-agent.ts';

registryConformance({ name: 'consul, on a fake agent', setup });

async function setup(): Promise<RegistryHarness> {
  const agent = await FakeAgent.start();
  const folder = mkdtempSync(join(tmpdir(), 'crowfly-consul-'));
  const tokenFile = join(folder, 'token');
  const secrets: string[] = [];
  const give = (token: string): void => {
    secrets.push(token);
    agent.token = token;
    writeFileSync(tokenFile, `${token}\n`);
  };
  give('first-secret-token');
  const be = (mood: Mood) => () => agent.be(mood);

  const put = (service: string, endpoints: readonly Endpoint[]): void => {
    for (const [id, { name }] of agent.services) if (name === service) agent.services.delete(id);
    for (const endpoint of endpoints) {
      const one = serviceOf(service, endpoint);
      agent.services.set(one.id, one);
    }
    agent.strange.delete(service);
    agent.changed();
  };

  return {
    factory: consul({ address: agent.address, tokenFile, waitMs: 10_000 }),
    maxInstances: 20_000,
    secrets,
    targets: (service) => [
      service,
      `${service}.service.consul`,
      { scheme: 'http', host: `${service}.service.consul` },
    ],
    requests: () => agent.requests.length,
    put,
    remove: (service) => put(service, []),
    malformedEntry(service, endpoints) {
      put(service, endpoints);
      agent.strange.set(service, [
        { Node: { Node: 'n', Address: '10.0.0.9' }, Service: { ID: 'x', Port: 'http' } },
      ]);
      agent.changed();
    },
    malformedWhole: be('no json'),
    fail: be('down'),
    freeze: be('hangs'),
    async cut(change) {
      agent.be('closes at once');
      await change();
      agent.be('well');
    },
    rotateCredentials() {
      give('second-secret-token');
      agent.cut();
    },
    deny: be('denies'),
    storms: {
      'answers at once': be('answers at once'),
      'closes at once': be('closes at once'),
      forbids: be('denies'),
    },
    heal() {
      if (agent.mood !== 'well') agent.be('well');
    },
    async close() {
      await agent.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function serviceOf(name: string, { id, host, port, zone, weight, state, metadata }: Endpoint): FakeService {
  return {
    name,
    id: `${name}-${id}`,
    address: host,
    port,
    meta: { ...metadata, ...(zone === undefined ? {} : { zone }) },
    ...(weight === undefined ? {} : { weights: { Passing: weight, Warning: weight } }),
    draining: state === 'draining',
  };
}
