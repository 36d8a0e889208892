import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';
import { directoriesOf, type WatchedDirectory } from './directories.js';

/** Directories that never stop changing are followed by the poll. */
const MAX_ROUNDS = 10;

/** Tells when something happens that may have changed a file. Never keeps the process alive. */
export class DirectoryWatch {
  readonly #path: string;
  readonly #changed: () => void;
  readonly #watchers = new Map<string, { watcher: FSWatcher; names: ReadonlySet<string> }>();
  #closed = false;

  constructor(path: string, changed: () => void) {
    this.#path = path;
    this.#changed = changed;
  }

  /**
   * Watches the directories that matter now. To be called before each read, so that no change falls in between.
   *
   * @returns why the system cannot watch one of them, if so: its error code
   */
  async arm(): Promise<string | undefined> {
    // What happened between the look at the directories and the start of a watch was seen by nobody: look again.
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { fault, news } = await this.#armOnce();
      if (!news || fault !== undefined) return fault;
    }
    return undefined;
  }

  async #armOnce(): Promise<{ fault: string | undefined; news: boolean }> {
    const directories = await directoriesOf(this.#path);
    if (this.#closed) return { fault: undefined, news: false };
    const wanted = new Set(directories.map(({ identity }) => identity));
    for (const identity of this.#watchers.keys()) if (!wanted.has(identity)) this.#drop(identity);
    let fault: string | undefined;
    let news = false;
    for (const directory of directories) {
      const known = this.#watchers.get(directory.identity);
      if (known === undefined) {
        fault = this.#watch(directory) ?? fault;
        news = true;
      } else {
        for (const name of directory.names) news ||= !known.names.has(name);
        known.names = directory.names;
      }
    }
    return { fault, news };
  }

  close(): void {
    this.#closed = true;
    for (const identity of [...this.#watchers.keys()]) this.#drop(identity);
  }

  #watch({ path, identity, names }: WatchedDirectory): string | undefined {
    try {
      const watcher = watch(path, { persistent: false });
      const entry = { watcher, names };
      this.#watchers.set(identity, entry);
      watcher.on('change', (_event, name) => {
        if (this.#watchers.get(identity) !== entry) return;
        if (name !== null && !entry.names.has(String(name))) return;
        // The directory itself may have gone, and its watcher with it: watched anew at the next look.
        if (name === basename(path)) this.#drop(identity);
        this.#changed();
      });
      watcher.on('error', () => {
        if (this.#watchers.get(identity) === entry) this.#drop(identity);
      });
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    }
  }

  #drop(identity: string): void {
    this.#watchers.get(identity)?.watcher.close();
    this.#watchers.delete(identity);
  }
}
