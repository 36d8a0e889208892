import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { checkGo, goBuild } from './go.js';
import { withLock } from './lock.js';
import type { Program } from './programs.js';

/** Gets a line now and then while something takes long. */
export type Progress = (line: string) => void;

const STILL_MS = 15_000;

export const toStderr: Progress = (line) => void process.stderr.write(`crowfly: ${line}\n`);

/**
 * Where built servers are kept: one folder per version and go.sum, shared by all clones of this user.
 * `CROWFLY_SERVERS_CACHE` moves it.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.CROWFLY_SERVERS_CACHE) return env.CROWFLY_SERVERS_CACHE;
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'crowfly', 'servers');
}

/**
 * Builds a server, unless that was done before.
 *
 * @returns the path of the program
 * @throws ServersError `not-available` without a Go that is new enough, `build-failed`
 */
export async function build(program: Program, progress: Progress = toStderr): Promise<string> {
  const cache = cacheFolder();
  const home = join(cache, `${program.name}-${program.version}-${await fingerprint(program)}`);
  const binary = join(home, program.name);
  if (existsSync(binary)) return binary;
  await checkGo(program.folder);
  await mkdir(cache, { recursive: true });
  // One lock for all servers: two builds at a time take longer than one after the other, and much more memory.
  const waiting = (): void => progress('waiting for another process that builds a server ...');
  return withLock(join(cache, 'build.lock'), waiting, async () => {
    if (!existsSync(binary)) await buildInto(home, cache, program, progress);
    return binary;
  });
}

async function buildInto(home: string, cache: string, program: Program, progress: Progress): Promise<void> {
  const { name, version, folder, target, linkerFlags, takes } = program;
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  progress(`building ${name} ${version}, once; with nothing cached this takes ${takes} ...`);
  const still = setInterval(() => progress(`still building ${name} (${seconds()} s) ...`), STILL_MS);
  const temp = await mkdtemp(join(cache, '.building-'));
  try {
    await goBuild(folder, target, join(temp, name), linkerFlags);
    await rename(temp, home);
  } finally {
    clearInterval(still);
    await rm(temp, { recursive: true, force: true });
  }
  progress(`built ${name} ${version} (${seconds()} s)`);
}

/** Of all that decides what comes out: another pin is another program, in a folder of its own. */
async function fingerprint({ folder, target, linkerFlags }: Program): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(folder, file)));
  hash.update(`${target}\n${linkerFlags}\n${process.platform}-${process.arch}`);
  return hash.digest('hex').slice(0, 12);
}
