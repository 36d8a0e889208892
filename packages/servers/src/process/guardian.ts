import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

// A shell, since it is small and everywhere. It reads until this process is gone, however that ended, and then takes away
// what is left: the processes that were not reported as ended, and the folder.
const SCRIPT = `
trap '' INT TERM HUP
pids=' '
while read -r what pid; do
  case $what in
    started) pids="$pids$pid " ;;
    ended) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
[ -z "$1" ] || rm -rf "$1"`;

/**
 * Sees to it that servers and their data do not outlive this process, even when it is killed with -9.
 *
 * @param folder removed at the end, if there is one
 */
export class Guardian {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #gone: Promise<void>;

  constructor(folder = '') {
    // Detached: Ctrl-C at a terminal goes to the whole foreground group, and the guardian must be the last to go.
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'guardian', folder], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#child = child;
    this.#input = child.stdin;
    this.#gone = new Promise((resolve) => child.once('close', () => resolve()));
    child.once('error', () => {});
    child.stdin.on('error', () => {});
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
  }

  started(pid: number): void {
    this.#input.write(`started ${pid}\n`);
  }

  ended(pid: number): void {
    this.#input.write(`ended ${pid}\n`);
  }

  /** Kills what is left, removes the folder; settles when both is done. */
  async close(): Promise<void> {
    this.#child.ref();
    this.#input.end();
    await this.#gone;
  }
}
