import { randomBytes } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ServersError } from '../errors.js';
import type { Guardian } from '../process/guardian.js';
import { ServerProcess } from '../process/server-process.js';

interface EtcdSettings {
  readonly program: string;
  readonly directory: string;
  readonly guardian: Guardian;
  readonly ports: { readonly client: number; readonly peer: number };
}

const ANSWER_MS = 5_000;

/** The cluster's memory. */
export class Etcd extends ServerProcess {
  readonly origin: string;
  readonly #data: string;

  constructor({ program, directory, guardian, ports }: EtcdSettings) {
    const origin = `http://127.0.0.1:${ports.client}`;
    const peer = `http://127.0.0.1:${ports.peer}`;
    const data = join(directory, 'etcd-data');
    const name = `etcd-${randomBytes(8).toString('hex')}`;
    super({
      name: 'etcd',
      program,
      args: [
        `--name=${name}`,
        `--data-dir=${data}`,
        `--listen-client-urls=${origin}`,
        `--advertise-client-urls=${origin}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${name}=${peer}`,
        '--unsafe-no-fsync', // what a process wrote survives its end; only the machine's end would lose it
      ],
      directory,
      guardian,
      // Any etcd is healthy: only ours has this name.
      isReady: async () =>
        (await post<Members>(origin, 'cluster/member/list')).members.some((member) => member.name === name) &&
        (await (await fetch(`${origin}/health`, { signal: AbortSignal.timeout(ANSWER_MS) })).text()).includes(
          'true',
        ),
    });
    this.origin = origin;
    this.#data = data;
  }

  /**
   * Forgets all history up to now: whoever asks etcd for an older revision is told so.
   *
   * @returns the revision up to which
   */
  async compact(): Promise<string> {
    const { header } = await post<{ header: { revision: string } }>(this.origin, 'kv/range', { key: 'AA==' });
    await post(this.origin, 'kv/compaction', { revision: header.revision, physical: true });
    return header.revision;
  }

  /** Copies the data as a crash would leave them; etcd stands still meanwhile. */
  async copyData(to: string): Promise<void> {
    await this.freeze();
    try {
      await cp(this.#data, to, { recursive: true });
    } finally {
      await this.thaw();
    }
  }

  /** Puts a copy back. Not while it runs. */
  async replaceData(from: string): Promise<void> {
    await rm(this.#data, { recursive: true, force: true });
    await cp(from, this.#data, { recursive: true });
  }
}

interface Members {
  readonly members: readonly { readonly name: string }[];
}

/** etcd's API as JSON. */
async function post<T>(origin: string, path: string, body: object = {}): Promise<T> {
  const response = await fetch(`${origin}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!response.ok)
    throw new ServersError('bad-answer', `etcd ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
