import { type ChildProcess, fork } from 'node:child_process';

type Message = Readonly<Record<string, unknown>>;

/** How long a program may be silent before the benchmark gives up. */
const PATIENCE_MS = 30_000;

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly node?: readonly string[];
}

/** One of `programs/`, in a process of its own: what is measured shares no event loop with who measures. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #messages: Message[] = [];
  #wake = (): void => {};
  #ended = false;

  constructor(program: string, { args = [], env = {}, node = [] }: ChildOptions = {}) {
    this.#name = program;
    this.#process = fork(new URL(`programs/${program}.mjs`, import.meta.url), args, {
      // As a service runs: without this program's own loader of TypeScript.
      execArgv: [...node],
      env: { ...process.env, ...env },
    });
    this.#process.on('message', (message) => {
      this.#messages.push(message as Message);
      this.#wake();
    });
    this.#process.once('exit', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  send(message: object): void {
    this.#process.send(message);
  }

  /** The next message that fits; those before it are dropped. */
  async until<T extends object>(fits: (message: T) => boolean = () => true): Promise<T> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      for (let message = this.#messages.shift(); message !== undefined; message = this.#messages.shift())
        if (fits(message as T)) return message as T;
      if (this.#ended) throw new Error(`${this.#name} ended too early`);
      if (deadline.aborted) throw new Error(`${this.#name} said nothing of what was waited for`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async ask<T extends object>(message: object): Promise<T> {
    this.send(message);
    return this.until<T>();
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await gone;
  }
}
