import { spawn } from 'node:child_process';
import { ServersError } from '../errors.js';

/** What the go.mod files ask for. */
const GO = { major: 1, minor: 26 } as const;
const TAIL = 3_000;

const HOW = `the registry servers for tests are built with Go ${GO.major}.${GO.minor} or newer: https://go.dev/dl/, or your system's package (golang) if it is as new`;

/** @throws ServersError `not-available` when there is no Go, or one that is too old, with one line that says how to get it */
export async function checkGo(folder: string): Promise<void> {
  const { code, output, missing } = await go(['env', 'GOVERSION'], folder);
  if (missing) throw new ServersError('not-available', `no Go found: ${HOW}`);
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/m.exec(output) ?? []).map(Number);
  if (code !== 0 || major < GO.major || (major === GO.major && minor < GO.minor)) {
    const found = output.trim().split('\n').at(-1) ?? '';
    throw new ServersError('not-available', `this Go is too old (${found}): ${HOW}`);
  }
}

/**
 * @param folder holds go.mod and go.sum
 * @param output where the program is written
 * @throws ServersError `build-failed` with the end of what Go said
 */
export async function goBuild(
  folder: string,
  target: string,
  output: string,
  linkerFlags: string,
): Promise<void> {
  // Readonly: a build that would change go.mod or go.sum is an error, so that everybody has the same program.
  const args = ['build', '-mod=readonly', `-ldflags=-s -w ${linkerFlags}`.trim(), '-o', output, target];
  const result = await go(args, folder);
  if (result.code !== 0) {
    const said = result.output.slice(-TAIL).trim();
    throw new ServersError('build-failed', `go ${args.join(' ')} failed in ${folder}:\n${said}`);
  }
}

function go(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number; output: string; missing: boolean }> {
  return new Promise((resolve, reject) => {
    // A workspace file or a vendoring flag of the user's own would change what is built.
    const env = { ...process.env, GOWORK: 'off', GOFLAGS: '-buildvcs=false' };
    const child = spawn('go', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const add = (text: string): void => {
      output = (output + text).slice(-100_000);
    };
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve({ code: 1, output: '', missing: true });
      else reject(new ServersError('build-failed', `cannot run go: ${error.message}`, { cause: error }));
    });
    child.once('close', (code) => resolve({ code: code ?? 1, output, missing: false }));
  });
}
