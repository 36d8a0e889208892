import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildKubernetes, checkNamespace, inNamespace, required, until } from '@crowfly/servers';
import { expect } from 'chai';

const PARENT = fileURLToPath(new URL('support/parent.ts', import.meta.url));
const INSIDE = new URL('support/inside.ts', import.meta.url);
const SERVERS = fileURLToPath(new URL('../../../dev/bin/servers.mjs', import.meta.url));

describe('a cluster', () => {
  before(async function () {
    await required(this, buildKubernetes);
  });

  it('does not outlive a process that is killed with -9, frozen servers included', async () => {
    const parent = start([...process.execArgv, PARENT]);
    const { directory, pids } = JSON.parse(await firstLine(parent));
    expect(pids.every(isAlive)).to.equal(true);
    parent.kill('SIGKILL');
    await until('all to be gone', () => !pids.some(isAlive) && !existsSync(directory));
  }).timeout(60_000);

  // What a failed test leaves behind would run for ever; its guardian ends what belongs to it.
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`from the command line ends in order at ${signal}, with exit code 0`, async () => {
      const parent = start([SERVERS, 'kubernetes', '--json']);
      const facts = JSON.parse(await firstLine(parent));
      expect(facts).to.have.keys('kind', 'origin', 'kubeconfig', 'caFile', 'directory', 'pid');
      expect(facts.pid).to.equal(parent.pid);
      expect(existsSync(facts.kubeconfig)).to.equal(true);
      const ended = once(parent, 'exit');
      parent.kill(signal);
      expect(await ended).to.deep.equal([0, null]);
      expect(existsSync(facts.directory)).to.equal(false);
    }).timeout(60_000);
  }

  it('runs in a network namespace, where its pods can really be called', async function () {
    await required(this, checkNamespace);
    const addresses = ['10.77.0.1', '10.77.0.2'];
    const { code, stdout, stderr } = await inNamespace(INSIDE, { args: addresses, addresses });
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal(addresses);
  }).timeout(60_000);
});

const started: ChildProcess[] = [];

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  return child;
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of stdout!.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  return text.slice(0, text.indexOf('\n'));
}

/** A process that has ended and whose new parent has not looked yet is no longer alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
