import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { file, inline } from '@crowfly/registry-static';
import { expect } from 'chai';
import {
  CrowflyError,
  createDiscovery,
  type DiscoveryOptions,
  isCrowflyError,
  type RegistryFactory,
} from 'crowfly';
import { ApiServer, fixturePath } from '../../registry-kubernetes/test/support/api-server.ts';
import { pods, service, slice } from '../../registry-kubernetes/test/support/objects.ts';
import { forbidden } from '../../registry-kubernetes/test/support/replies.ts';

/** Runs what goes wrong, and gives the error that a user would see. */
type Scenario = () => Promise<unknown>;

const workspaceRoot = fileURLToPath(new URL('../../..', import.meta.url));

const quiet = { logger: false, env: false } as const;

async function errorOf(act: () => unknown): Promise<CrowflyError> {
  try {
    await act();
  } catch (error) {
    expect(error).to.be.instanceOf(CrowflyError);
    return error as CrowflyError;
  }
  throw new Error('nothing went wrong');
}

/** Options given to a discovery that is closed again, whatever `act` does. */
const using =
  (options: DiscoveryOptions, act: (discovery: ReturnType<typeof createDiscovery>) => unknown): Scenario =>
  async () => {
    const discovery = createDiscovery({ ...quiet, ...options });
    try {
      return await act(discovery);
    } finally {
      await discovery.close();
    }
  };

const orders = inline({ orders: ['127.0.0.1:9'] });

async function withFile(
  name: string,
  content: string | undefined,
  act: (path: string) => Promise<unknown>,
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'crowfly-errors-'));
  try {
    const path = join(folder, name);
    if (content !== undefined) await writeFile(path, content);
    return await act(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const fromFile =
  (name: string, content: string | undefined, url = 'http://orders/'): Scenario =>
  () =>
    withFile(name, content, (path) => using({ registry: file(path) }, (d) => d.fetch(url))());

const silent: RegistryFactory = () => ({
  kind: 'silent',
  id: 'silent:10.0.0.1:8500',
  supports: { unknown: true },
  locate: (target) => ({ key: typeof target === 'string' ? target : target.host }),
  watch: (_, feed) => new Promise((resolve) => feed.signal.addEventListener('abort', () => resolve())),
});

const broken: RegistryFactory = (context) => ({
  ...silent(context),
  id: 'consul:http://10.0.0.1:8500',
  watch: async () => {
    throw new Error('connect ECONNREFUSED 10.0.0.1:8500');
  },
});

const refusing: RegistryFactory = (context) => ({
  ...silent(context),
  id: 'consul:http://10.0.0.1:8500',
  watch: async () => {
    throw new CrowflyError(
      'denied',
      "403: the token may not read the service 'orders': grant service_prefix and node_prefix, read",
    );
  },
});

/** A server that accepts and never answers. */
async function withMuteServer(act: (origin: string) => Promise<unknown>): Promise<unknown> {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const sockets = new Set<import('node:net').Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  try {
    return await act(`http://127.0.0.1:${(server.address() as import('node:net').AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

/** How long is waited for a first set: what fails is said when it is over, and a busy machine needs longer to get there. */
const LIMITS_MS = [500, 2_000, 8_000] as const;

/** Against real servers and files: again with a longer limit when nothing had failed yet. */
async function inTime(run: (firstSetMs: number) => Promise<unknown>): Promise<unknown> {
  for (const firstSetMs of LIMITS_MS.slice(0, -1)) {
    try {
      return await run(firstSetMs);
    } catch (error) {
      if (!isCrowflyError(error, 'registry-timeout')) throw error;
    }
  }
  return run(LIMITS_MS[LIMITS_MS.length - 1] ?? 0);
}

const KUBECONFIG = {
  'current-context': 'production',
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9' } }],
  users: [{ name: 'ada', user: {} }],
  contexts: ['production', 'staging'].map((name) => ({ name, context: { cluster: 'c', user: 'ada' } })),
};

const fromKubeconfig =
  (content: object | undefined, options: KubernetesOptions = {}): Scenario =>
  () =>
    withFile('config', content && JSON.stringify(content), (path) =>
      inTime((firstSetMs) =>
        using({ registry: kubernetes({ kubeconfig: path, ...options }), limits: { firstSetMs } }, (d) =>
          d.fetch('http://orders/'),
        )(),
      ),
    );

/** A cluster with the service `orders` in the namespace `shop`. */
const fromCluster =
  (prepare: (server: ApiServer) => KubernetesOptions | undefined, url = 'http://orders/'): Scenario =>
  () =>
    withFile('token', 'abc', async (tokenFile) => {
      const server = await ApiServer.start();
      server.cluster.put('namespaces', { metadata: { name: 'shop', namespace: 'shop' } });
      server.cluster.put('services', service('orders'));
      server.cluster.put('endpointslices', slice({ name: 'orders-abc', endpoints: pods('10.0.0.7') }));
      const options = prepare(server);
      const registry = kubernetes({
        server: server.origin,
        caFile: fixturePath('ca.pem'),
        tokenFile,
        namespace: 'shop',
        ...options,
      });
      try {
        return await inTime((firstSetMs) =>
          using({ registry, limits: { firstSetMs } }, (d) => d.fetch(url))(),
        );
      } finally {
        await server.close();
      }
    });

/** By the heading in docs/errors.md. */
const scenarios: Readonly<Record<string, Scenario>> = {
  'a misspelt option': async () => createDiscovery({ registy: orders } as DiscoveryOptions),
  'a value of the wrong kind': async () =>
    createDiscovery({ services: { orders: { timeouts: { totalMs: '5s' as unknown as number } } } }),
  'a row that no URL can reach': async () =>
    createDiscovery({ services: { Orders: { url: 'http://localhost:1' } } }),
  'no registry': using({}, (d) => d.fetch('http://orders/')),
  'a missing file': fromFile('services.yaml', undefined),
  'a malformed file': fromFile(
    'services.yaml',
    'services:\n  orders:\n    - 10.0.0.1:8080\n   - 10.0.0.2:8080\n',
  ),
  'an unknown service': fromFile(
    'services.yaml',
    'services:\n  orders:\n    - 10.0.0.1:8080\n',
    'http://order/',
  ),
  'port 70000': async () => createDiscovery({ ...quiet, registry: inline({ orders: ['10.0.0.1:70000'] }) }),
  'a service name with a path': using({ registry: orders }, (d) => d.instances('../x')),
  'user info in a URL': using({ registry: orders }, (d) => d.fetch('http://user:secret@orders/')),
  'a registry that never answers': using({ registry: silent, limits: { firstSetMs: 200 } }, (d) =>
    d.fetch('http://orders/'),
  ),
  'a registry that fails': using({ registry: broken, limits: { firstSetMs: 200 } }, (d) =>
    d.fetch('http://orders/'),
  ),
  'a registry that refuses us': using({ registry: refusing }, (d) => d.fetch('http://orders/')),
  'a kubeconfig that is not there': fromKubeconfig(undefined),
  'a context that is not there': fromKubeconfig(KUBECONFIG, { context: 'stagin' }),
  'an API server that cannot be reached': fromKubeconfig(KUBECONFIG),
  'an API server that another authority vouches for': fromCluster(() => ({
    caFile: fixturePath('other-ca.pem'),
  })),
  'a token that has expired': fromCluster((server) => {
    server.token = 'another';
    return undefined;
  }),
  'a right that is missing': fromCluster((server) => {
    server.interfere({ verb: 'list' }, forbidden('list', 'endpointslices', 'shop'));
    return undefined;
  }),
  'a Service that does not exist': fromCluster(() => undefined, 'http://order/'),
  'a namespace that does not exist': fromCluster(() => undefined, 'http://orders.shopp.svc/'),
  'a port that the Service does not have': fromCluster(() => undefined, 'http://_https._tcp.orders/'),
  'no instances': using({ registry: inline({ orders: [] }) }, (d) => d.fetch('http://orders/')),
  'https to plain http': using({ registry: inline({ orders: ['http://127.0.0.1:9'] }) }, (d) =>
    d.fetch('https://orders/'),
  ),
  'every instance refuses': using({ registry: orders }, (d) => d.fetch('http://orders/')),
  'no answer in time': () =>
    withMuteServer((url) =>
      using({ services: { orders: { url, timeouts: { totalMs: 150 } } } }, (d) =>
        d.fetch('http://orders/'),
      )(),
    ),
  'a POST that may have been executed': () =>
    withMuteServer((url) =>
      using({ services: { orders: { url, timeouts: { firstByteMs: 100 } } } }, (d) =>
        d.fetch('http://orders/', { method: 'POST' }),
      )(),
    ),
  'too many services': using({ registry: silent, limits: { maxServices: 1 } }, async (d) => {
    d.watch('orders', () => {});
    await d.instances('users');
  }),
  'a closed discovery': async () => {
    const discovery = createDiscovery({ ...quiet, registry: orders });
    await discovery.close();
    await discovery.fetch('http://orders/');
  },
};

/** What differs from run to run. */
const normal = (message: string): string =>
  message
    .replaceAll(/(?:\/[^\s/:'"]+)+\/(services\.[a-z]+)/g, '/etc/app/$1')
    .replaceAll(/(?:\/[^\s/:'"]+)+\/crowfly-errors-[^\s/:'"]+\/(\w+)/g, '/home/ada/$1')
    .replaceAll(/https:\/\/127\.0\.0\.1:\d+/g, 'https://10.0.0.1:6443')
    .replaceAll(/127\.0\.0\.1:(?!9\b)\d+/g, '127.0.0.1:3001');

const path = join(workspaceRoot, 'docs/errors.md');

describe('docs/errors.md', () => {
  it('shows every error as it is today (UPDATE_DOCS=1 rewrites the messages)', async function () {
    this.timeout(60_000);
    let page = await readFile(path, 'utf8');
    const stale: string[] = [];
    for (const [heading, scenario] of Object.entries(scenarios)) {
      const { code, message } = await errorOf(scenario);
      const shown = `### ${heading}\n\n\`\`\`text\n${code}: ${normal(message)}\n\`\`\`\n`;
      if (page.includes(shown)) continue;
      stale.push(shown);
      page = page.replace(new RegExp(`### ${heading}\\n(?:\\n\`\`\`text\\n[^\`]*\`\`\`\\n)?`), () => shown);
    }
    if (process.env.UPDATE_DOCS) return writeFile(path, page);
    expect(stale.join('\n'), 'missing or outdated in docs/errors.md').to.equal('');
  });

  it('has a scenario for each heading, and a heading for each error code', async () => {
    const page = await readFile(path, 'utf8');
    const headings = [...page.matchAll(/^### (.*)$/gm)].map((match) => match[1]);
    expect(headings).to.have.members(Object.keys(scenarios));
    const source = await readFile(join(workspaceRoot, 'packages/core/src/errors.ts'), 'utf8');
    const codes = [
      ...(source.match(/export type ErrorCode =([^;]*);/)?.[1] ?? '').matchAll(/'([a-z-]+)'/g),
    ].map((m) => m[1]);
    expect(codes).to.not.be.empty;
    for (const code of codes)
      expect(page, `docs/errors.md says nothing of ${code}`).to.include(`\`${code}\``);
  });

  it('never shows a secret', async () => {
    expect(await readFile(path, 'utf8')).to.not.include('secret');
  });
});
