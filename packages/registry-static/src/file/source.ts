import { createHash } from 'node:crypto';
import { type Clock, CrowflyError, describeError, type Problem } from '@crowfly/core';
import { type Catalog, keepUnchanged, sizeOf } from './catalog.js';
import { DirectoryWatch } from './directory-watch.js';
import { decodeUtf8, readWhole } from './read.js';
import { Trigger } from './trigger.js';

/** One watch, as the source sees it. */
export interface Follower {
  /** Names the watch over restarts. */
  readonly key: string;
  /** What the file says: at the start, and after each change. */
  good(catalog: Catalog): void;
  /** The file went bad. Nothing comes after it. */
  bad(error: CrowflyError): void;
  /** Something that concerns no single service: told to one follower. */
  notice(problem: Problem): void;
}

export interface SourceOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly pollMs: number;
  readonly maxBytes: number;
  /** @throws CrowflyError `bad-data` */
  readonly parse: (text: string) => Catalog;
}

type Result = { readonly catalog: Catalog } | { readonly error: CrowflyError };

/** What the file said at one look. Equal marks: equal contents, or equal failures to read. */
interface Sight {
  readonly mark: string;
  readonly result: Result;
}

/** How soon a doubtful sight is looked at again, and how long doubts may last when every look shows something else. */
const CONFIRM_MS = 40;
const MAX_DOUBT_MS = 1_000;
/** A watch that comes later than core's longest backoff is no restart of one that failed. */
const RESTART_MS = 60_000;

/**
 * One file, watched and parsed once for all who follow it, from the first follower to the last.
 *
 * Writers get caught in the act: a file is empty, cut off or not there for a moment. So what looks worse than before
 * (unreadable, or fewer instances) is believed when it is seen twice, {@link CONFIRM_MS} apart.
 *
 * Each follower is told once that the file went bad. When it comes back while that lasts, it waits for the file, not
 * for a backoff: a corrected file is seen at once, however long it was bad.
 */
export class FileSource {
  readonly #options: SourceOptions;
  readonly #followers = new Set<Follower>();
  #session: { readonly trigger: Trigger; readonly directories: DirectoryWatch } | undefined;
  /** What followers were told last. It outlives a session: `#current` says whether it was confirmed in this one. */
  #belief: Sight | undefined;
  #current = false;
  #doubt: { readonly sight: Sight; readonly since: number } | undefined;
  /** The last good contents. */
  #catalog: Catalog | undefined;
  /** Who knows that the file is bad, and since when. */
  readonly #told = new Map<string, number>();
  #notices: Problem[] = [];
  #unwatched = false;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  /** @returns a function that ends it */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    if (this.#session === undefined) this.#open();
    else if (this.#current) this.#tell(follower);
    return () => {
      if (!this.#followers.has(follower)) return;
      this.#told.delete(follower.key);
      this.#leave(follower);
    };
  }

  /** Ends all I/O and timers; nobody hears anything after it. */
  close(): void {
    this.#session?.trigger.stop();
    this.#session?.directories.close();
    this.#session = undefined;
    this.#followers.clear();
    this.#current = false;
    this.#doubt = undefined;
  }

  #open(): void {
    const trigger = new Trigger(this.#options.clock, () => this.#look(trigger));
    this.#session = { trigger, directories: new DirectoryWatch(this.#options.path, () => trigger.touch()) };
    trigger.start();
  }

  #leave(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.close();
  }

  /** @returns the milliseconds until the next look */
  async #look(trigger: Trigger): Promise<number> {
    const { path, pollMs } = this.#options;
    const fault = await this.#session?.directories.arm();
    const sight = await this.#see();
    if (this.#session?.trigger !== trigger) return pollMs;
    if (fault !== undefined && !this.#unwatched) {
      this.#unwatched = true;
      const detail = `${path}: the system cannot watch its directory (${fault}); changes are found every ${pollMs} ms`;
      this.#notices.push({ code: 'not-watched', detail });
    }
    return this.#weigh(sight);
  }

  async #see(): Promise<Sight> {
    const { path, maxBytes, parse } = this.#options;
    let mark: string | undefined;
    try {
      const bytes = await readWhole(path, maxBytes);
      mark = createHash('sha256').update(bytes).digest('base64');
      for (const known of [this.#belief, this.#doubt?.sight]) if (known?.mark === mark) return known;
      return { mark, result: { catalog: keepUnchanged(this.#catalog, parse(decodeUtf8(bytes, path))) } };
    } catch (thrown) {
      const error =
        thrown instanceof CrowflyError
          ? thrown
          : new CrowflyError('bad-data', `${path}: it cannot be read: ${describeError(thrown)}`, {
              cause: thrown,
            });
      return { mark: mark ?? error.message, result: { error } };
    }
  }

  /** Believes what was seen, or asks for a second look. @returns when */
  #weigh(sight: Sight): number {
    const { clock, pollMs } = this.#options;
    const news = sight.mark !== this.#belief?.mark;
    if (news && this.#isDoubtful(sight.result) && sight.mark !== this.#doubt?.sight.mark) {
      const since = this.#doubt?.since ?? clock.now();
      if (clock.now() - since < MAX_DOUBT_MS) {
        this.#doubt = { sight, since };
        return CONFIRM_MS;
      }
    }
    this.#doubt = undefined;
    if (news) this.#believe(sight);
    if (news || !this.#current) {
      this.#current = true;
      for (const follower of [...this.#followers]) this.#tell(follower);
    }
    return pollMs;
  }

  #isDoubtful(result: Result): boolean {
    if ('catalog' in result)
      return this.#catalog !== undefined && sizeOf(result.catalog) < sizeOf(this.#catalog);
    // A file that was never there is not being written.
    return (
      this.#belief !== undefined ||
      (result.error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT'
    );
  }

  #believe(sight: Sight): void {
    const { result } = sight;
    if ('catalog' in result) {
      this.#catalog = result.catalog;
      this.#notices.push(...result.catalog.problems);
      this.#told.clear();
    } else if (this.#told.size > 0) {
      // Bad in another way: those who know wait for a good file, but a person may be watching for this.
      this.#notices.push({ code: result.error.code, detail: result.error.message });
    }
    this.#belief = sight;
  }

  #tell(follower: Follower): void {
    const result = this.#belief?.result;
    if (result === undefined || !this.#followers.has(follower)) return;
    for (const problem of this.#notices.splice(0)) follower.notice(problem);
    if ('catalog' in result) {
      follower.good(result.catalog);
      return;
    }
    const now = this.#options.clock.now();
    const told = this.#told.get(follower.key);
    if (told !== undefined && now - told < RESTART_MS) return;
    this.#told.set(follower.key, now);
    this.#leave(follower);
    follower.bad(result.error);
  }
}
