import type { Clock, Timer } from '@crowfly/core';
import type { WatchEvent, Watching } from '../api/client.js';
import { Expired } from '../api/status.js';

/** How a watch came to its end without failing. */
export type End =
  /** The server ended it in order: go on from where it was. */
  | 'closed'
  /** The version it went on from is no longer kept. */
  | 'expired'
  /** Nothing was heard for too long. */
  | 'doubtful'
  /** Services were added. */
  | 'more-services';

/**
 * The server sends a bookmark about once a minute. When none comes for so long, nobody may be there, or the version that
 * is watched from lies in the future of a cluster restored from a backup: the list tells. The second is for connections
 * that do not notice by themselves that they are dead.
 */
const DOUBT_MS = 150_000;
const DOUBT_UNGUARDED_MS = 75_000;

export interface WatchSessionOptions {
  readonly clock: Clock;
  open(signal: AbortSignal): Promise<Watching>;
  /** The server has accepted it. */
  opened(): void;
  apply(batch: readonly WatchEvent[]): void;
}

/** One watch, from its request to its end. */
export class WatchSession {
  readonly #o: WatchSessionOptions;
  readonly #stop = new AbortController();
  #asked: End | undefined;
  #heard: number;
  #doubt: Timer;
  /** Whether anything came. */
  eventful = false;

  constructor(options: WatchSessionOptions) {
    this.#o = options;
    this.#heard = options.clock.now();
    this.#doubt = options.clock.after(DOUBT_UNGUARDED_MS, () => this.end('doubtful'));
  }

  /** Ends it in order. The first reason counts. */
  end(how: End): void {
    this.#asked ??= how;
    this.#stop.abort();
  }

  /** @throws when it fails; the signal's reason when that aborts */
  async run(signal: AbortSignal): Promise<End> {
    const forward = (): void => this.#stop.abort(signal.reason);
    signal.addEventListener('abort', forward, { once: true });
    if (signal.aborted) forward();
    try {
      await this.#read();
      return this.#asked ?? 'closed';
    } catch (error) {
      signal.throwIfAborted();
      if (this.#asked !== undefined) return this.#asked;
      if (error instanceof Expired) return 'expired';
      throw error;
    } finally {
      signal.removeEventListener('abort', forward);
      this.#doubt.cancel();
      this.#stop.abort();
    }
  }

  async #read(): Promise<void> {
    const { clock, open, opened, apply } = this.#o;
    const { events, guarded } = await open(this.#stop.signal);
    this.#doubt.cancel();
    this.#listen(guarded ? DOUBT_MS : DOUBT_UNGUARDED_MS);
    opened();
    for await (const batch of events) {
      this.#heard = clock.now();
      this.eventful = true;
      apply(batch);
    }
  }

  /** One timer, however many events there are. */
  #listen(patienceMs: number): void {
    const { clock } = this.#o;
    const leftMs = this.#heard + patienceMs - clock.now();
    if (leftMs <= 0) this.end('doubtful');
    else this.#doubt = clock.after(leftMs, () => this.#listen(patienceMs));
  }
}
