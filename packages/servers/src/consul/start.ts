import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Progress } from '../build/build.js';
import { PROGRAMS } from '../build/programs.js';
import { ServersError } from '../errors.js';
import { Guardian } from '../process/guardian.js';
import { ServerProcess } from '../process/server-process.js';
import { Consul } from './agent.js';
import { ConsulApi } from './api.js';
import { createCertificates } from './certificates.js';
import { type ConsulOptions, configOf, freePorts } from './config.js';

/** A port may be taken between its choice and its use. */
const TRIES = 3;

/** Builds Consul, unless it is there. @throws ServersError `not-available` without Go, `build-failed` */
export function buildConsul(progress?: Progress): Promise<string> {
  return build(PROGRAMS.consul, progress);
}

/**
 * Starts an agent of its own on free ports of 127.0.0.1, a server unless the options say otherwise; it is ready in about a
 * second. It ends with `close()`, or with this process.
 *
 * @throws ServersError `not-available` without Go, `build-failed`, `start-failed` with the end of the agent's log
 */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const program = await buildConsul(options.progress);
  for (let left = TRIES - 1; ; left--) {
    try {
      return await startOnce(program, options);
    } catch (error) {
      const clash = error instanceof ServersError && /address already in use/.test(error.message);
      if (!clash || left === 0) throw error;
    }
  }
}

async function startOnce(program: string, options: ConsulOptions): Promise<Consul> {
  const directory = await mkdtemp(join(tmpdir(), 'crowfly-consul-'));
  const guardian = new Guardian(directory);
  try {
    return await startIn(directory, guardian, program, options);
  } catch (error) {
    await guardian.close();
    throw error;
  }
}

async function startIn(
  directory: string,
  guardian: Guardian,
  program: string,
  options: ConsulOptions,
): Promise<Consul> {
  const { datacenter = 'dc1', address = '127.0.0.1', mode = 'server', persistent = false } = options;
  const ports = await freePorts();
  const token = options.acl ? randomUUID() : undefined;
  const certificates =
    options.tls === undefined ? undefined : await createCertificates(directory, datacenter);
  const config = join(directory, 'agent.json');
  const settings = configOf(options, ports, directory, { token: token ?? '', certificates });
  await writeFile(config, JSON.stringify(settings, null, 2), { mode: 0o600 });

  const origin =
    certificates === undefined ? `http://${address}:${ports.http}` : `https://${address}:${ports.https}`;
  const api = new ConsulApi(origin, token, certificates);
  // A server that has all to itself needs no peers and no disk: it leads at once.
  const dev = mode === 'server' && !persistent;
  const agent = new ServerProcess({
    name: 'consul',
    program,
    args: ['agent', ...(dev ? ['-dev'] : []), `-config-file=${config}`],
    directory,
    guardian,
    isReady: () => leads(api),
  });
  await agent.start();
  return new Consul({
    directory,
    guardian,
    process: agent,
    ports,
    origin,
    token,
    certificates,
    api,
  });
}

/** It has a leader, and rights are in force where there are any. */
async function leads(api: ConsulApi): Promise<boolean> {
  try {
    const leader = await api.call<string>('GET', '/v1/status/leader');
    const nodes = await api.call<readonly unknown[]>('GET', '/v1/catalog/nodes');
    return leader !== '' && nodes.length > 0;
  } catch {
    return false;
  }
}
