// What crowfly costs under fetch: the same calls, to the same four servers, in the same run, interleaved.
//   npm run bench -- fetch [--json] [--rounds N]
import { execFileSync, fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { createFetch } from '@crowfly/client-fetch';
import { createEngine } from '@crowfly/core';
import { defaultStrategy } from '@crowfly/strategies';
import { type Goal, progress, type Result, report, result } from './lib/report.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '60' } },
});
const rounds = Number(values.rounds);
/** Short, so that whatever else the machine does meanwhile hits both sides of a pair. */
const ROUND_MS = 120;

const servers = fork(new URL('fetch-servers.mjs', import.meta.url));
const ports = await new Promise<number[]>((resolve) =>
  servers.once('message', (list) => resolve(list as number[])),
);
const origins = ports.map((port) => `http://127.0.0.1:${port}`);
const engine = createEngine(defaultStrategy(), { services: { orders: { url: origins } }, env: false });
const crowfly = createFetch(engine);

const PATH = '/v1/42';
const body = JSON.stringify({ item: 'book' });
const post = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
let turn = 0;
const plain = (init?: RequestInit): Promise<Response> =>
  fetch(`${origins[turn++ % origins.length]}${PATH}`, init);
const ours = (init?: RequestInit): Promise<Response> => crowfly(`http://orders${PATH}`, init);

interface Round {
  readonly callsPerSecond: number;
  readonly cpuMicros: number;
}

async function round(call: () => Promise<Response>, concurrent: number): Promise<Round> {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < ROUND_MS) {
      await (await call()).text();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startedAt) / 1000;
  return { callsPerSecond: calls / seconds, cpuMicros: (user + system) / calls };
}

/** The median of the pairs' own ratios; which of the two goes first alternates. */
async function compare(
  name: string,
  concurrent: number,
  init: RequestInit | undefined,
  goal?: Goal,
): Promise<Result[]> {
  const pairs: { plain: Round; ours: Round }[] = [];
  for (let n = -6; n < rounds; n++) {
    progress(`${name}: round ${n + 1} of ${rounds}`);
    const first = n % 2 === 0 ? await round(() => plain(init), concurrent) : undefined;
    const mine = await round(() => ours(init), concurrent);
    const pair = { plain: first ?? (await round(() => plain(init), concurrent)), ours: mine };
    if (n >= 0) pairs.push(pair);
  }
  const of = (pick: (pair: (typeof pairs)[number]) => number): number => median(pairs.map(pick));
  const peer = (pick: (pair: (typeof pairs)[number]) => number): { peers: Record<string, number> } => ({
    peers: { 'built-in fetch': Math.round(of(pick)) },
  });
  return [
    result(
      `${name}: calls per second, of the built-in fetch`,
      of((pair) => pair.ours.callsPerSecond / pair.plain.callsPerSecond),
      'x',
      { goal },
    ),
    result(
      `${name}: calls per second`,
      of((pair) => pair.ours.callsPerSecond),
      '/s',
      peer((pair) => pair.plain.callsPerSecond),
    ),
    result(
      `${name}: CPU per call`,
      of((pair) => pair.ours.cpuMicros),
      'us',
      peer((pair) => pair.plain.cpuMicros),
    ),
  ];
}

/** In processes of their own: what a program pays for it, and what the built-in fetch costs anyway. */
function costs(): Result[] {
  const measure = (source: string): { ms: number; mb: number } => {
    const script = `
      const origin = '${origins[0]}';
      const rss = () => process.memoryUsage.rss() / 1048576;
      const [at, from] = [performance.now(), rss()];
      ${source}
      console.log(JSON.stringify({ ms: performance.now() - at, mb: rss() - from }));
      process.exit();`;
    const runs = Array.from({ length: 7 }, () => {
      const args = ['--input-type=module', '--eval', script];
      return JSON.parse(execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' }));
    }) as { ms: number; mb: number }[];
    return { ms: median(runs.map(({ ms }) => ms)), mb: median(runs.map(({ mb }) => mb)) };
  };
  progress('import and first call');
  const load = "const { createFetch } = await import('@crowfly/client-fetch');";
  const imported = measure(load);
  const builtIn = measure('await (await fetch(origin)).text();');
  const called = measure(`${load}
    const { createEngine } = await import('@crowfly/core');
    const { defaultStrategy } = await import('@crowfly/strategies');
    const engine = createEngine(defaultStrategy(), { services: { orders: { url: origin } } });
    await (await createFetch(engine)('http://orders/')).text();`);
  return [
    result('import of @crowfly/client-fetch', imported.ms, 'ms'),
    result('import of @crowfly/client-fetch, memory', imported.mb, 'MB'),
    result('import and first call', called.ms, 'ms', { peers: { 'built-in fetch': Math.round(builtIn.ms) } }),
    result('import and first call, memory', called.mb, 'MB', {
      peers: { 'built-in fetch': Math.round(builtIn.mb) },
    }),
  ];
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
}

const results = [
  ...(await compare('GET, 1 at a time', 1, undefined)),
  ...(await compare('GET, 32 at a time', 32, undefined, ['>=', 1])),
  ...(await compare('POST, 32 at a time', 32, post)),
  ...costs(),
];
progress('');
report(results, { json: values.json, packages: ['@crowfly/core', '@crowfly/client-fetch'] });
await engine.close();
servers.disconnect();
