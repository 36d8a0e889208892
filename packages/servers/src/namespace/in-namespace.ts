import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ServersError } from '../errors.js';
import { Guardian } from '../process/guardian.js';
import { MARK } from './inside.js';

export interface NamespaceOptions {
  readonly args?: readonly string[];
  /** Addresses of instances, IPv4 or IPv6, for the namespace's loopback device, beside 127.0.0.1 and ::1. */
  readonly addresses?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Node's own arguments; those of this process by default, so that TypeScript runs where it does here. */
  readonly execArgv?: readonly string[];
}

export interface NamespaceRun {
  /** 128 and more: ended by a signal. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const HOW = 'network namespaces need Linux, unshare (Debian: util-linux) and ip (Debian: iproute2)';

const SETUP = `ip link set lo up || exit 125
for address in $CROWFLY_ADDRESSES; do
  case $address in
    *:*) ip -6 addr add "$address/128" dev lo nodad || exit 125 ;;
    *) ip addr add "$address/32" dev lo || exit 125 ;;
  esac
done
exec "$@"`;

/**
 * Runs a Node program in a network namespace of its own, as root there but not here: nothing it does reaches the machine's
 * network, and the whole address space is its own. Settles when the program has ended, with whatever code.
 *
 * @throws ServersError `not-available` when the machine has no such thing, with one line that says why
 */
export async function inNamespace(
  script: string | URL,
  { args = [], addresses = [], env = {}, execArgv = process.execArgv }: NamespaceOptions = {},
): Promise<NamespaceRun> {
  await checkNamespace();
  const path = typeof script === 'string' ? script : fileURLToPath(script);
  return unshare([process.execPath, ...execArgv, path, ...args], {
    ...env,
    CROWFLY_ADDRESSES: addresses.join(' '),
    [MARK]: '1',
  });
}

/** @throws ServersError `not-available` when this machine cannot have network namespaces, with one line that says why */
export async function checkNamespace(): Promise<void> {
  const { code, stderr } = await unshare(['true'], { CROWFLY_ADDRESSES: '' });
  if (code === 0) return;
  const said = stderr.trim().split('\n').at(-1) ?? `exit code ${code}`;
  throw new ServersError('not-available', `no network namespace on this machine (${said}); ${HOW}`);
}

function unshare(command: readonly string[], env: NodeJS.ProcessEnv): Promise<NamespaceRun> {
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', ['--map-root-user', '--net', 'sh', '-c', SETUP, 'sh', ...command], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const guardian = new Guardian();
    if (child.pid !== undefined) guardian.started(child.pid);
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      said.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      said.stderr += text;
    });
    const ended = (settle: () => void): void => {
      if (child.pid !== undefined) guardian.ended(child.pid);
      void guardian.close().then(settle);
    };
    child.once('error', (cause) =>
      ended(() => reject(new ServersError('not-available', `cannot run unshare (${cause.message}); ${HOW}`))),
    );
    child.once('close', (code) => ended(() => resolve({ code: code ?? 128, ...said })));
  });
}
