import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { load } from 'js-yaml';

interface Entry {
  readonly host: string;
  readonly port: number;
  readonly state?: string;
}

/**
 * What crowfly is compared with: each instance of the file in turn. It knows what the registry says, as soon as it says
 * so (the file is read again when it changes, and what drains is left out), and nothing else: no retry, no health.
 */
export class RoundRobin {
  readonly #path: string;
  #origins: readonly string[] = [];
  #turn = 0;

  constructor(path: string) {
    this.#path = path;
    this.#read();
    watchFile(path, { interval: 50, persistent: false }, () => this.#read());
  }

  /** The origin of the instance whose turn it is, such as `http://127.0.0.1:8080`. */
  next(): string {
    return this.#origins[this.#turn++ % this.#origins.length] ?? '';
  }

  close(): void {
    unwatchFile(this.#path);
  }

  #read(): void {
    const { services } = load(readFileSync(this.#path, 'utf8')) as { services: { orders: Entry[] } };
    this.#origins = services.orders
      .filter(({ state }) => state !== 'draining')
      .map(({ host, port }) => `http://${host}:${port}`);
  }
}
