// npm run bench -- kubernetes [--json] [--only <part>]: how soon a change in the cluster is seen, what large sets and many
// services cost, and what a process pays at its start; on a real API server, beside the least that a program can do (a bare
// watch) and the official client's informer.
import { parseArgs } from 'node:util';
import { type Kubernetes, ServersError, startKubernetes } from '@crowfly/servers';
import { Fifty } from './kubernetes/fifty.js';
import { measureLargeSet } from './kubernetes/large-set.js';
import { measureLatency } from './kubernetes/latency.js';
import { measureStartUp } from './kubernetes/start-up.js';
import { progress, type Result, report } from './lib/report.js';

const PARTS = ['latency', 'large', 'fifty', 'start'] as const;
const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const parts: readonly string[] = values.only === undefined ? PARTS : values.only.split(',');

async function measure(cluster: Kubernetes): Promise<Result[]> {
  // Its minute of rest passes while the others are measured.
  const fifty = parts.includes('fifty') ? await Fifty.start(cluster) : undefined;
  return [
    ...(parts.includes('latency') ? await measureLatency(cluster) : []),
    ...(parts.includes('large') ? await measureLargeSet(cluster) : []),
    ...(parts.includes('start') ? await measureStartUp(cluster) : []),
    ...((await fifty?.finish()) ?? []),
  ];
}

async function main(): Promise<void> {
  progress('starting a cluster ...');
  const cluster = await startKubernetes();
  try {
    const results = await measure(cluster);
    progress('');
    const packages = ['@crowfly/core', '@crowfly/registry-kubernetes'];
    report(results, { json: values.json, packages });
  } finally {
    await cluster.close();
  }
}

try {
  const unknown = parts.find((part) => !(PARTS as readonly string[]).includes(part));
  if (unknown !== undefined)
    throw new Error(`there is no part ${unknown}: the parts are ${PARTS.join(', ')}`);
  await main();
} catch (error) {
  // A machine without Go: one line that says how to get it.
  if (!(error instanceof ServersError && error.code === 'not-available')) throw error;
  console.error(`crowfly: ${error.message}`);
  process.exitCode = 1;
}
