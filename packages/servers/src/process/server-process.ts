import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServersError } from '../errors.js';
import { until } from '../until.js';
import type { Guardian } from './guardian.js';

export interface ServerProcessSettings {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Working directory, and where `<name>.log` is kept. */
  readonly directory: string;
  readonly guardian: Guardian;
  /** Resolves to true when the server really serves; asked again until then. */
  readonly isReady: () => Promise<boolean>;
}

const START_MS = 60_000;
const STOP_MS = 10_000;
const TAIL_LINES = 15;

/** One server, which can be ended, frozen and started again with the same ports and data. */
export class ServerProcess {
  readonly name: string;
  readonly logFile: string;
  readonly #settings: ServerProcessSettings;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();

  constructor(settings: ServerProcessSettings) {
    this.name = settings.name;
    this.logFile = join(settings.directory, `${settings.name}.log`);
    this.#settings = settings;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Settles when the server serves. @throws ServersError `start-failed` with the end of its log */
  async start(): Promise<void> {
    if (this.#child === undefined) this.#spawn();
    await this.ready();
  }

  /** Waits until a running server really serves. @throws ServersError `start-failed` when it ends, or never does */
  async ready(): Promise<void> {
    await until(
      `${this.name} to be ready`,
      async () => {
        const child = this.#child;
        const served = child !== undefined && (await this.#settings.isReady());
        // Asked after the answer: what answered may have been another one, on the port that this one did not get.
        if (child === undefined || child !== this.#child)
          throw new ServersError('start-failed', `${this.name} ended before it was ready${this.tail()}`);
        return served;
      },
      { withinMs: START_MS, code: 'start-failed', hint: () => this.tail() },
    );
  }

  /** SIGKILL: it has no time to say goodbye. Settles when it is gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#gone;
  }

  /** SIGTERM, and SIGKILL after 10 s. Settles when it is gone. */
  async stop(): Promise<void> {
    const child = this.#child;
    child?.kill('SIGTERM');
    child?.kill('SIGCONT'); // a frozen one cannot hear
    const late = setTimeout(() => child?.kill('SIGKILL'), STOP_MS);
    await this.#gone;
    clearTimeout(late);
  }

  /** SIGSTOP: connections stay open, new ones are accepted by the system, nothing is answered. */
  async freeze(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    this.#child?.kill('SIGSTOP');
    if (process.platform !== 'linux') return;
    // A signal needs a moment; what the server answers within it would surprise the test.
    await until(
      `${this.name} to be frozen`,
      () => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
      {
        everyMs: 1,
      },
    );
  }

  /** SIGCONT, and settles when the server serves again. */
  async thaw(): Promise<void> {
    this.#child?.kill('SIGCONT');
    await this.ready();
  }

  /** The last lines of its log, on lines of their own. */
  tail(): string {
    try {
      const lines = readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES);
      return `\nthe end of ${this.logFile}:\n${lines.map((line) => `  ${line.slice(0, 400)}`).join('\n')}`;
    } catch {
      return '';
    }
  }

  #spawn(): void {
    const { program, args, directory, guardian } = this.#settings;
    const log = openSync(this.logFile, 'a');
    // A process group of its own: Ctrl-C at a terminal is for this process, which then ends its servers in order.
    const child = spawn(program, args, { cwd: directory, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const { pid } = child;
    if (pid !== undefined) guardian.started(pid);
    this.#child = child;
    this.#gone = new Promise((resolve) => {
      const gone = (): void => {
        if (pid !== undefined) guardian.ended(pid);
        this.#child = undefined;
        resolve();
      };
      child.once('error', gone);
      child.once('exit', gone);
    });
  }
}
