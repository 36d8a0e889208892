import { type Clock, sleep } from '@crowfly/core';
import { TokenBucket } from '@crowfly/http';

/** News that come faster than this are told together. */
const NEWS = { burst: 20, intervalMs: 100 } as const;
/** So many answers without news in a row cost no pause; then it doubles, up to a bound that depends on what they say. */
const FREE = 2;
const FIRST_MS = 250;
/** Something happens to the service, only not what we look at: a check's output, an instance that is filtered out. */
const MOVED_MAX_MS = 2_000;
/** Nothing happens at all, and it answers all the same. */
const STILL_MAX_MS = 15_000;

/**
 * How often one service is asked for. Whoever waits for changes asks again as soon as there is one; an agent, or a proxy in
 * front of it, that answers without waiting must not turn that into a storm.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #news: TokenBucket;
  #idle = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#news = new TokenBucket(clock, NEWS.burst, NEWS.intervalMs);
  }

  /**
   * Waits until it may be asked again.
   *
   * @param answer `news`: the set changed; `moved`: only the index did; `still`: neither, and before the time; `waited`:
   *   neither, after the time that was asked for
   */
  async after(answer: 'news' | 'moved' | 'still' | 'waited', signal: AbortSignal): Promise<void> {
    if (answer === 'waited' || answer === 'news') this.#idle = 0;
    if (answer === 'waited') return;
    if (answer === 'news') return this.#news.turn(signal);
    this.#idle++;
    if (this.#idle <= FREE) return;
    const most = answer === 'moved' ? MOVED_MAX_MS : STILL_MAX_MS;
    await sleep(this.#clock, Math.min(most, FIRST_MS * 2 ** (this.#idle - FREE - 1)), signal);
  }
}
