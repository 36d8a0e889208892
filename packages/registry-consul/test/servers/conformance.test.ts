import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from '@crowfly/core';
import { type Consul, requireConsul, TcpProxy } from '@crowfly/servers';
import { type RegistryHarness, registryConformance } from '@crowfly/testkit';
import { consul } from '../../dist/index.js';

const RULES = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
/** Instances stand in the catalog, as those of other machines do: a transaction changes several in one step. */
const NODE = 'kit';

describe('on a real agent', () => {
  let agent: Consul;
  before(async function () {
    agent = await requireConsul(this, { acl: true, config: { limits: { txn_max_req_len: 8_000_000 } } });
    await agent.catalogRegister({ Node: NODE, Address: '10.9.9.9' });
  });
  after(() => agent?.close());

  registryConformance({ name: 'consul, on a real agent', setup: () => harness(agent) });
});

async function harness(agent: Consul): Promise<RegistryHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'crowfly-consul-kit-'));
  const tokenFile = join(folder, 'token');
  await agent.putPolicy('kit', RULES);
  let token = await agent.createToken('kit');
  await writeFile(tokenFile, token.secret);
  const proxy = await TcpProxy.to({ port: agent.ports.http });
  const secrets = [token.secret];
  const written = new Map<string, Set<string>>();
  let storm: NodeJS.Timeout | undefined;
  let denied = false;

  const put = async (
    service: string,
    endpoints: readonly Endpoint[],
    extra: object[] = [],
  ): Promise<void> => {
    const before = written.get(service) ?? new Set<string>();
    const now = new Set(endpoints.map(({ id }) => id));
    const gone = [...before].filter((id) => !now.has(id));
    const operations = [
      ...gone.map((id) => ({
        Service: { Verb: 'delete', Node: NODE, Service: { ID: `${service}-${id}`, Service: service } },
      })),
      ...endpoints.flatMap((endpoint) => operationsOf(service, endpoint)),
      ...extra,
    ];
    written.set(service, now);
    if (operations.length > 0) await agent.api.call('PUT', '/v1/txn', operations);
  };

  return {
    factory: consul({ address: `127.0.0.1:${proxy.port}`, tokenFile, waitMs: 10_000 }),
    // A transaction has 64 operations, and an instance may need two.
    maxInstances: 30,
    secrets,
    targets: (service) => [
      service,
      `${service}.service.consul`,
      { scheme: 'http', host: service },
      { scheme: 'http', host: `${service}.service.consul.` },
      { scheme: 'http', host: `_${service}._tcp.service.consul`, port: 8080 },
    ],
    put,
    async remove(service) {
      await put(service, []);
      await agent.catalogDeregister({ Node: NODE, ServiceID: `${service}-bad` });
    },
    async malformedEntry(service, endpoints) {
      const bad = {
        Service: { Verb: 'set', Node: NODE, Service: { ID: `${service}-bad`, Service: service } },
      };
      await put(service, endpoints, [bad]);
    },
    async fail() {
      await proxy.refuse();
      proxy.reset();
    },
    freeze: () => proxy.freeze(),
    async cut(change) {
      await proxy.refuse();
      proxy.reset();
      await change();
      await proxy.accept();
    },
    async rotateCredentials() {
      const old = token;
      token = await agent.createToken('kit');
      secrets.push(token.secret);
      await writeFile(tokenFile, token.secret);
      await agent.deleteToken(old.accessor);
      proxy.reset();
    },
    async deny() {
      denied = true;
      await agent.putPolicy('kit', '');
      proxy.reset();
    },
    storms: {
      refuses: async () => {
        await proxy.refuse();
        proxy.reset();
      },
      'closes at once': () => {
        proxy.hold();
        proxy.reset();
        storm = setInterval(() => proxy.reset(), 2);
      },
      'closes soon after': () => {
        storm = setInterval(() => proxy.reset(), 50);
      },
      forbids: async () => {
        denied = true;
        await agent.putPolicy('kit', '');
        proxy.reset();
      },
    },
    async heal() {
      clearInterval(storm);
      if (denied) await agent.putPolicy('kit', RULES);
      denied = false;
      await proxy.accept();
      proxy.thaw();
    },
    without: {
      malformedWhole: 'a real agent only speaks JSON; the fake one covers it',
    },
    async close() {
      await proxy.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function operationsOf(service: string, { id, host, port, zone, weight, state }: Endpoint): object[] {
  const ID = `${service}-${id}`;
  const maintenance = {
    Node: NODE,
    CheckID: `_service_maintenance:${ID}`,
    Name: 'Service Maintenance Mode',
    Status: state === 'draining' ? 'critical' : 'passing',
    Notes: state === 'draining' ? 'crowfly: draining' : '',
    ServiceID: ID,
  };
  return [
    {
      Service: {
        Verb: 'set',
        Node: NODE,
        Service: {
          ID,
          Service: service,
          Address: host,
          Port: port,
          Meta: zone === undefined ? {} : { zone },
          ...(weight === undefined ? {} : { Weights: { Passing: weight, Warning: weight } }),
        },
      },
    },
    { Check: { Verb: 'set', Check: maintenance } },
  ];
}
