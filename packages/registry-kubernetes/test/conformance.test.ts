import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint, RegistryFactory } from '@crowfly/core';
import { type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { type RegistryHarness, registryConformance } from '@crowfly/testkit';
import { ApiServer, fixturePath } from './support/api-server.ts';
import { endpointsOf, pod, service as serviceObject, slice, slicesOf } from './support/objects.ts';
import { forbidden, statusOf } from './support/replies.ts';
import { SkippingClock } from './support/skipping-clock.ts';

const HTML = '<html><body>Sign in to the company network</body></html>';

interface Variant {
  readonly name: string;
  readonly tls: boolean;
  readonly api: NonNullable<KubernetesOptions['api']>;
}

const VARIANTS: readonly Variant[] = [
  { name: 'EndpointSlices over HTTP/2', tls: true, api: 'endpointslices' },
  { name: 'EndpointSlices over plain http', tls: false, api: 'endpointslices' },
  { name: 'Endpoints over HTTP/2', tls: true, api: 'endpoints' },
];

for (const variant of VARIANTS) {
  registryConformance({ name: `kubernetes: ${variant.name}`, setup: () => setup(variant) });
}

async function setup({ tls, api }: Variant): Promise<RegistryHarness> {
  const server = await ApiServer.start({ tls });
  const folder = await mkdtemp(join(tmpdir(), 'crowfly-kubernetes-'));
  const secrets: string[] = [];
  const rotate = async (): Promise<void> => {
    const token = randomBytes(24).toString('hex');
    secrets.push(token);
    // As the kubelet does it: by rename.
    await writeFile(join(folder, 'next'), `${token}\n`);
    await rename(join(folder, 'next'), join(folder, 'token'));
    server.token = token;
  };
  await rotate();

  const options: KubernetesOptions = {
    server: server.origin,
    tokenFile: join(folder, 'token'),
    ...(tls ? { caFile: fixturePath('ca.pem') } : {}),
    namespace: 'shop',
    api,
  };
  const clocks = new Set<SkippingClock>();
  const factory: RegistryFactory = (context) => {
    const clock = new SkippingClock(context.clock);
    clocks.add(clock);
    return kubernetes(options)({ ...context, clock });
  };

  let requests = 0;
  const count = (): void => {
    requests++;
  };
  // A connection counts as well: where nobody answers, no request is sent.
  const channels = ['crowfly:registry-request', 'net.client.socket'];
  for (const channel of channels) subscribe(channel, count);

  const { cluster } = server;
  const remove = (service: string): void => {
    for (const { metadata } of cluster.list('endpointslices', 'shop'))
      if (metadata.labels?.['kubernetes.io/service-name'] === service)
        cluster.delete('endpointslices', 'shop', metadata.name);
    cluster.delete('endpoints', 'shop', service);
    cluster.delete('services', 'shop', service);
  };
  const put = (service: string, endpoints: readonly Endpoint[], broken = false): void =>
    cluster.together(() => {
      if (cluster.get('services', 'shop', service) === undefined)
        cluster.put('services', serviceObject(service));
      if (api === 'endpoints') {
        const extra = broken ? [{ addresses: [{ ip: null }], ports: [{ port: 8080 }] }] : [];
        return cluster.put('endpoints', endpointsOf(service, endpoints, extra));
      }
      const slices = slicesOf(service, endpoints);
      if (broken) {
        const bad = pod('', { addresses: null });
        slices.push(slice({ name: `${service}-broken`, service, endpoints: [bad] }));
      }
      const names = new Set(slices.map(({ metadata }) => metadata.name));
      for (const one of slices) cluster.put('endpointslices', one);
      for (const { metadata } of cluster.list('endpointslices', 'shop'))
        if (metadata.labels?.['kubernetes.io/service-name'] === service && !names.has(metadata.name))
          cluster.delete('endpointslices', 'shop', metadata.name);
    });

  let hurry: NodeJS.Timeout | undefined;
  return {
    factory,
    put,
    remove: (service) => cluster.together(() => remove(service)),
    malformedEntry: (service, endpoints) => put(service, endpoints, true),
    malformedWhole: () => {
      server.interfere({}, { status: 200, body: HTML });
      server.event(HTML);
      server.endWatches();
    },
    fail: () => {
      server.interfere({}, statusOf(500, 'InternalError', 'etcdserver: leader changed'));
      server.front.cut();
    },
    freeze: () => {
      server.front.freeze();
      // A while of real silence, and then time flies.
      hurry = setTimeout(() => {
        hurry = setInterval(() => {
          for (const clock of clocks) clock.skip(500);
        }, 10);
      }, 500);
    },
    rotateCredentials: async () => {
      await rotate();
      server.front.cut();
    },
    deny: () => {
      server.interfere({}, ({ verb, resource, namespace }) => forbidden(verb, resource, namespace));
      server.front.cut();
    },
    cut: async (change) => {
      server.interfere({ verb: 'watch' }, 'hang');
      server.cutWatches();
      await change();
      cluster.compact();
      server.heal();
      server.front.cut();
    },
    storms: {
      'closes at once': () => {
        server.watches = 'end at once';
        server.endWatches();
      },
      'answers at once': () => {
        server.watches = 'answer at once';
        server.endWatches();
      },
      'resets every connection': () => {
        server.front.manner = 'reset';
        server.front.cut();
      },
      'has forgotten each version': () => {
        server.watches = 'expire';
        server.endWatches();
      },
      'says 410 to each watch': () => {
        server.goneAs = 'status';
        server.watches = 'expire';
        server.endWatches();
      },
      'says 410 to each list': () => {
        server.interfere({ verb: 'list' }, statusOf(410, 'Gone', 'gone'));
        server.front.cut();
      },
      'is too busy': () => {
        server.interfere(
          {},
          { ...statusOf(429, 'TooManyRequests', 'busy'), headers: { 'retry-after': '0' } },
        );
        server.front.cut();
      },
      'sends errors into each watch': () => {
        server.interfere(
          { verb: 'watch' },
          { status: 200, body: `{"type":"ERROR","object":{"code":500}}\n` },
        );
        server.front.cut();
      },
    },
    heal: () => {
      clearInterval(hurry);
      // Who waits for an answer on a connection that froze waits no longer.
      if (hurry !== undefined) for (const clock of clocks) clock.skip(11_000);
      hurry = undefined;
      server.goneAs = 'event';
      server.heal();
    },
    targets: (service) => [
      service,
      { scheme: 'http', host: service },
      `${service}.shop`,
      `${service}.shop.svc`,
      `${service}.shop.svc.cluster.local`,
      { scheme: 'http', host: `${service}.shop` },
      { scheme: 'http', host: `${service}.shop.svc.cluster.local` },
    ],
    requests: () => requests,
    maxInstances: 5_000,
    secrets,
    close: async () => {
      clearInterval(hurry);
      for (const channel of channels) unsubscribe(channel, count);
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
