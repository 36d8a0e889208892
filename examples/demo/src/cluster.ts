import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./instance.mjs', import.meta.url));

/** One instance of `orders`: a child process that serves HTTP on a port of its own. */
export class Instance {
  readonly name: string;
  /** Chosen by the system at the first start, and kept over a restart. */
  port = 0;
  #child: ChildProcess | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const child = fork(PROGRAM, [this.name, String(this.port)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.port = await new Promise<number>((resolve, reject) => {
      child.once('message', ({ port }: { port: number }) => resolve(port));
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`${this.name} ended before it listened`)));
    });
  }

  /** How it answers from now on: after about 10 ms, after 2 s, or with 503 at once. */
  behave(mode: 'normal' | 'slow' | 'failing'): void {
    this.#child?.send(mode);
  }

  /** As SIGTERM in production: no new connections; resolves when it has finished what it had, and is gone. */
  async drain(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    child.send('drain');
    await once(child, 'exit');
  }

  /** As a crash: connections break, the port refuses. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || hasEnded(child)) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
