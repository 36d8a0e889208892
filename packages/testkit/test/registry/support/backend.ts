import type { Endpoint } from '@crowfly/core';

export type Answer =
  | { readonly status: 200; readonly version: number; readonly body: unknown }
  | { readonly status: 401 | 404 | 410 };

interface Waiting {
  readonly service: string;
  wake(): void;
  cut(error: Error): void;
}

/** A registry server in memory: long polls by version, with everything that can go wrong with one. */
export class Backend {
  requests = 0;
  token = 'first-token';
  /** What a broken adapter leaves running, for the test to end. */
  readonly leaks: NodeJS.Timeout[] = [];
  readonly #services = new Map<string, { version: number; body: unknown }>();
  readonly #waiting = new Set<Waiting>();
  readonly #garbled = new Set<string>();
  #version = 1;
  #oldest = 0;
  #mode: 'well' | 'failing' | 'frozen' | 'denying' | 'instant' = 'well';

  put(service: string, entries: readonly unknown[]): void {
    // What a real server stores is text: nothing is shared with the caller.
    this.#services.set(service, { version: ++this.#version, body: JSON.parse(JSON.stringify(entries)) });
    this.#wake(service);
  }

  remove(service: string): void {
    this.#services.delete(service);
    this.#version++;
    this.#wake(service);
  }

  fail(): void {
    this.#mode = 'failing';
    this.#cut();
  }

  deny(): void {
    this.#mode = 'denying';
    this.#cut();
  }

  freeze(): void {
    this.#mode = 'frozen';
    // Nobody wakes them any more.
    this.#waiting.clear();
  }

  storm(): void {
    this.#mode = 'instant';
    for (const waiting of [...this.#waiting]) waiting.wake();
  }

  garble(service: string): void {
    this.#garbled.add(service);
    this.#wake(service);
  }

  rotate(): void {
    this.token = `token-${++this.#version}`;
    this.#cut();
  }

  heal(): void {
    this.#mode = 'well';
    this.#garbled.clear();
    for (const waiting of [...this.#waiting]) waiting.wake();
  }

  async lose(change: () => Promise<void>): Promise<void> {
    const missed = [...this.#waiting];
    this.#waiting.clear();
    await change();
    this.#oldest = this.#version;
    for (const waiting of missed) waiting.cut(new Error('the connection was reset'));
  }

  /** Answers when `service` is newer than `after`, as a long poll does. */
  async query(service: string, after: number, token: string, signal?: AbortSignal): Promise<Answer> {
    this.requests++;
    await new Promise((resolve) => setImmediate(resolve));
    for (;;) {
      if (signal?.aborted === true) throw signal.reason;
      if (this.#mode === 'failing') throw new Error('connect ECONNREFUSED 10.0.0.1:8500');
      if (this.#mode === 'denying' || token !== this.token) return { status: 401 };
      const state = this.#services.get(service);
      const known = state?.version ?? this.#version;
      if (this.#mode !== 'frozen') {
        if (after > 0 && after < this.#oldest) return { status: 410 };
        if (this.#garbled.has(service)) return { status: 200, version: known, body: '<html>proxy</html>' };
        const news = state === undefined || state.version > after;
        if (news || this.#mode === 'instant')
          return state === undefined
            ? { status: 404 }
            : { status: 200, version: state.version, body: state.body };
      }
      await this.#wait(service, signal);
      if (state !== undefined && !this.#services.has(service)) return { status: 404 };
    }
  }

  #wait(service: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(waiting);
        signal?.removeEventListener('abort', abort);
        settle();
      };
      const abort = (): void => end(() => reject(signal?.reason));
      const waiting: Waiting = {
        service,
        wake: () => end(resolve),
        cut: (error) => end(() => reject(error)),
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  #wake(service: string): void {
    for (const waiting of [...this.#waiting]) if (waiting.service === service) waiting.wake();
  }

  #cut(): void {
    for (const waiting of [...this.#waiting]) waiting.cut(new Error('the connection was reset'));
  }
}

/** What the reference adapter reads. */
export type Entry = Pick<Endpoint, 'host' | 'port' | 'zone' | 'weight' | 'state' | 'metadata'> & {
  readonly name: string;
};
