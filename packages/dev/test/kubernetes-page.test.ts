import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KUBERNETES_DEFAULTS, type KubernetesOptions, kubernetes } from '@crowfly/registry-kubernetes';
import { expect } from 'chai';
import { createDiscovery } from 'crowfly';

const ACCOUNT = 'system:serviceaccount:shop:web';

/** What the API server says, by the kind of request. */
interface Answers {
  readonly slices?: readonly object[];
  readonly list?: number | string;
  readonly watch?: number | object;
  readonly service?: number | object;
}

const status = (code: number, what: string): object => ({
  kind: 'Status',
  code,
  message: `User "${ACCOUNT}" cannot ${what}`,
});

/** As much of an API server as these messages need. */
function apiServer({ slices = [], list = 200, watch = 200, service = 404 }: Answers): Server {
  return createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
    const send = (code: number, body: object): void => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (/\/services\/[^/]+$/.test(pathname)) {
      if (typeof service === 'number') send(service, status(service, 'get resource "services"'));
      else send(200, service);
    } else if (!pathname.endsWith('/endpointslices')) send(404, {});
    else if (searchParams.has('watch')) {
      if (typeof watch === 'object') response.write(`${JSON.stringify(watch)}\n`);
      else if (watch === 200) response.flushHeaders();
      else send(watch, status(watch, 'watch resource "endpointslices"'));
    } else if (list === 'nothing') request.resume();
    else if (typeof list === 'string') response.end(list);
    else if (list === 200) send(200, { metadata: { resourceVersion: '1' }, items: slices });
    else send(list, status(list, 'list resource "endpointslices"'));
  });
}

const slice = (
  ports: readonly object[] | null,
  endpoints = ['127.0.0.1'],
  more: object = {},
  name = 'orders-1',
): object => ({
  metadata: { name, labels: { 'kubernetes.io/service-name': 'orders' }, resourceVersion: '1' },
  addressType: 'IPv4',
  ports,
  endpoints: endpoints.map((address) => ({ addresses: [address], ...more })),
});

const port = (name: string, number: number): object => ({ name, port: number, protocol: 'TCP' });
const TWO = [port('http', 8080), port('metrics', 9090)];
const SERVICE = { spec: { ports: [port('http', 80), port('metrics', 9090)] } };

/** Everything that is printed: the error of a call as it is logged, and what the logger hears. */
type Printed = Promise<string>;

/** How long a call waits for a first set: what fails is said when it is over, and a busy machine needs longer to get there. */
const LIMITS_MS = [500, 2_000, 8_000] as const;

/** @param url what is called; '': nothing, the instances are only looked up */
async function call(
  options: KubernetesOptions,
  url?: string,
  lines?: (logged: readonly string[]) => boolean,
): Printed {
  let printed = '';
  for (const firstSetMs of LIMITS_MS) {
    printed = await callWithin(firstSetMs, options, url, lines);
    if (!printed.startsWith('registry-timeout')) break;
  }
  return printed;
}

async function callWithin(
  firstSetMs: number,
  options: KubernetesOptions,
  url = 'http://orders/',
  lines = (_: readonly string[]): boolean => true,
): Printed {
  const logged: string[] = [];
  const log = (line: string): void => void logged.push(line);
  const discovery = createDiscovery({
    registry: kubernetes({ namespace: 'shop', ...options }),
    logger: { info: log, warn: log },
    limits: { firstSetMs },
    env: false,
  });
  try {
    const request = url === '' ? discovery.instances('orders') : discovery.fetch(url);
    const failure = await request.then(
      () => '',
      (error: Error & { code?: string }) =>
        `${error.code ?? ''} ${error} ${(error.cause as { code?: string } | undefined)?.code ?? ''} ${error.cause ?? ''}`,
    );
    while (!lines(logged)) await new Promise((resolve) => setImmediate(resolve));
    return [failure, ...logged].join('\n');
  } finally {
    await discovery.close();
  }
}

async function asked(
  answers: Answers,
  url?: string,
  lines?: (logged: readonly string[]) => boolean,
): Printed {
  const folder = await mkdtemp(join(tmpdir(), 'crowfly-token-'));
  const server = apiServer(answers).listen(0, '127.0.0.1');
  try {
    await new Promise((resolve) => server.once('listening', resolve));
    const { port: number } = server.address() as AddressInfo;
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'a-token');
    return await call({ server: `http://127.0.0.1:${number}`, tokenFile }, url, lines);
  } finally {
    await rm(folder, { recursive: true });
    server.closeAllConnections();
    server.close();
  }
}

async function configured(cluster: object): Printed {
  const folder = await mkdtemp(join(tmpdir(), 'crowfly-kubeconfig-'));
  try {
    const path = join(folder, 'config');
    const config = {
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    await writeFile(path, JSON.stringify(config));
    return await call({ kubeconfig: path });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function nowhere(): Printed {
  const { HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST } = process.env;
  Object.assign(process.env, { HOME: '/nowhere' });
  delete process.env.KUBECONFIG;
  delete process.env.KUBERNETES_SERVICE_HOST;
  try {
    return await call({});
  } finally {
    for (const [name, value] of Object.entries({ HOME, KUBECONFIG, KUBERNETES_SERVICE_HOST }))
      if (value !== undefined) process.env[name] = value;
  }
}

const page = new URL('../../../docs/registries/kubernetes.md', import.meta.url);

/** What goes wrong, in the order of the page's rows, but for what no server of this test can do. */
const scenarios: readonly (() => Printed)[] = [
  () => asked({ list: 403 }),
  () => asked({ slices: [slice([port('http', 9)])], watch: 403 }, 'http://orders/', (l) => l.length > 1),
  () => asked({ list: 401 }),
  () => asked({}, 'http://order/'),
  () => asked({ service: 403 }),
  () => asked({ slices: [slice(TWO)], service: SERVICE }, 'http://orders:81/'),
  () => asked({ slices: [slice(TWO)], service: 403 }, 'http://orders:81/'),
  () => asked({ slices: [slice([port('http', 8080)], [])], service: SERVICE }),
  () => asked({}, 'http://invoices.billing/'),
  nowhere,
  () => configured({ server: 'https://127.0.0.1:9', 'insecure-skip-tls-verify': true }),
  () => call({ server: 'http://127.0.0.1:9' }),
  () => asked({ list: 404 }),
  () => asked({ list: '<html>please log in</html>' }),
  () => asked({ slices: [slice([port('http', 9)])] }),
  () =>
    asked(
      { slices: [slice([port('http', 9)], ['127.0.0.1'], { hints: { forZones: [{ name: 'eu-1a' }] } })] },
      'http://orders/',
      (l) => l.some((line) => line.includes('hints')),
    ),
  () => asked({ list: 'nothing' }),
  () => {
    const endpoints = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    const gone = { type: 'MODIFIED', object: slice([port('http', 9)], []) };
    const answers = { slices: [slice([port('http', 9)], endpoints)], watch: gone };
    return asked(answers, '', (lines) => lines.some((line) => line.includes('vanished')));
  },
  () => asked({ slices: [slice(TWO), slice(null, ['127.0.0.2'], {}, 'orders-2')], service: SERVICE }),
];

/** Messages that would take another machine, or certificates: they are read in the source. */
const IN_SOURCE: readonly [part: string, file: string][] = [
  [
    'reading a kubeconfig needs the package @kubernetes/client-node',
    'registry-kubernetes/src/access/kubeconfig.ts',
  ],
  ['is signed by an unknown authority', 'http/src/registry-client/errors.ts'],
];

describe('docs/registries/kubernetes.md', function () {
  this.timeout(120_000);

  it('shows the options there are, with their defaults', async () => {
    const text = await readFile(page, 'utf8');
    const table = text.slice(text.indexOf('<!-- defaults:'), text.indexOf('## What it costs'));
    const rows = new Map(
      [...table.matchAll(/^\| `(\w+)` +\| ([^|]*) \|/gm)].map((row) => [row[1], row[2]?.trim()]),
    );
    for (const [option, value] of Object.entries(KUBERNETES_DEFAULTS))
      expect(rows.get(option), option).to.equal(`\`${value}\``);
    // Each is known, and there is no other: a value of the wrong kind is refused by its own name.
    for (const option of rows.keys())
      expect(() => kubernetes({ [option ?? '']: 7 } as KubernetesOptions), option).to.throw(
        `kubernetes.${option}`,
      );
    const source = await readFile(
      new URL('../../registry-kubernetes/src/options.ts', import.meta.url),
      'utf8',
    );
    const declared = /export interface KubernetesOptions \{(.*?)\n\}/s.exec(source)?.[1] ?? '';
    expect([...rows.keys()]).to.have.members([...declared.matchAll(/readonly (\w+)\?/g)].map((m) => m[1]));
  });

  it('shows messages as they are printed', async () => {
    const text = await readFile(page, 'utf8');
    const table = text.slice(text.indexOf('<!-- messages:'));
    const rows = [...table.matchAll(/^\| (.*?`.*?) \| /gm)].map(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map((code) => code[1] ?? ''),
    );
    const sources = IN_SOURCE.map(async ([part, file]) => {
      const source = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      return source.includes(part) ? part : '';
    });
    const printed = await Promise.all(scenarios.slice(0, 9).map((scenario) => scenario()));
    for (const scenario of scenarios.slice(9)) printed.push(await scenario());
    printed.push(...(await Promise.all(sources)));
    const unseen = rows.filter(
      (parts) => !printed.some((output) => parts.every((part) => output.includes(part))),
    );
    expect(unseen, printed.join('\n\n')).to.deep.equal([]);
  });
});
