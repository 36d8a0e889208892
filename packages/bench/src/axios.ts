// What crowfly costs under axios: the same calls, at the same four servers, in the same run, interleaved.
//   npm run bench -- axios [--json] [--rounds N]
import { fork } from 'node:child_process';
import { Agent } from 'node:http';
import { parseArgs } from 'node:util';
import { axiosAdapter } from '@crowfly/client-axios';
import { createEngine } from '@crowfly/core';
import { defaultStrategy } from '@crowfly/strategies';
import axios from 'axios';
import { progress, type Result, report, result } from './lib/report.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '15' } },
});
const rounds = Number(values.rounds);
const ROUND_MS = 300;
const CONCURRENT = [1, 32];

const servers = fork(new URL('fetch-servers.mjs', import.meta.url));
const ports = await new Promise<number[]>((resolve) =>
  servers.once('message', (list) => resolve(list as number[])),
);
const origins = ports.map((port) => `http://127.0.0.1:${port}`);

const engine = createEngine(defaultStrategy(), { services: { orders: { url: origins } }, env: false });
const agent = new Agent({ keepAlive: true });
const crowfly = axios.create({ adapter: axiosAdapter(engine) });
const plain = axios.create({ httpAgent: agent });
let turn = 0;
const ways = {
  axios: () => plain.get(`${origins[turn++ % origins.length]}/v1/42`),
  crowfly: () => crowfly.get('http://orders/v1/42'),
};

interface Round {
  readonly callsPerSecond: number;
  readonly cpuMicros: number;
}

async function round(call: () => Promise<unknown>, concurrent: number): Promise<Round> {
  const startedAt = performance.now();
  const cpu = process.cpuUsage();
  let calls = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - startedAt < ROUND_MS) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: concurrent }, worker));
  const { user, system } = process.cpuUsage(cpu);
  return {
    callsPerSecond: (calls / (performance.now() - startedAt)) * 1000,
    cpuMicros: (user + system) / calls,
  };
}

/** Interleaved, so that whatever else the machine does hits both alike; the median of the rounds' own ratios. */
async function compare(concurrent: number): Promise<Result[]> {
  const figures: { axios: Round; crowfly: Round }[] = [];
  // Two rounds to warm up.
  for (let n = -2; n < rounds; n++) {
    progress(`${concurrent} at a time: round ${n + 1} of ${rounds}`);
    const pair = {
      axios: await round(ways.axios, concurrent),
      crowfly: await round(ways.crowfly, concurrent),
    };
    if (n >= 0) figures.push(pair);
  }
  const of = (pick: (pair: (typeof figures)[number]) => number): number => median(figures.map(pick));
  const name = `${concurrent} at a time`;
  return [
    result(
      `${name}: calls per second, of axios with keep-alive`,
      of((p) => p.crowfly.callsPerSecond / p.axios.callsPerSecond),
      'x',
      { peers: { 'axios keep-alive': 1 } },
    ),
    result(
      `${name}: calls per second`,
      of((p) => p.crowfly.callsPerSecond),
      '/s',
      {
        peers: { 'axios keep-alive': Math.round(of((p) => p.axios.callsPerSecond)) },
      },
    ),
    result(
      `${name}: CPU per call`,
      of((p) => p.crowfly.cpuMicros),
      'us',
      {
        peers: { 'axios keep-alive': Math.round(of((p) => p.axios.cpuMicros)) },
      },
    ),
  ];
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN;
}

const results: Result[] = [];
for (const concurrent of CONCURRENT) results.push(...(await compare(concurrent)));
progress('');
report(results, { json: values.json, packages: ['@crowfly/core', '@crowfly/client-axios'] });
agent.destroy();
await engine.close();
servers.disconnect();
