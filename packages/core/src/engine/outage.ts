import type { Clock, Timer } from '../contract/clock.js';

/** A registry that delivers and fails again within this time, again and again, has one outage and not many. */
const RECOVERED_MS = 1_000;

/** Since when a registry fails for a service, and when that is over. */
export class Outage {
  readonly #clock: Clock;
  readonly #over: (lastedMs: number) => void;
  #since: number | undefined;
  /** Set while a registry that has just delivered again may fail again at once. */
  #ending: Timer | undefined;

  /** @param over called when the registry has delivered again, and has not failed for a second */
  constructor(clock: Clock, over: (lastedMs: number) => void) {
    this.#clock = clock;
    this.#over = over;
  }

  /** The registry fails. @returns since when, and whether that is news */
  fails(): { readonly since: number; readonly news: boolean } {
    this.#ending?.cancel();
    this.#ending = undefined;
    const news = this.#since === undefined;
    this.#since ??= this.#clock.now();
    return { since: this.#since, news };
  }

  delivers(): void {
    if (this.#since === undefined) return;
    const lastedMs = this.#clock.now() - this.#since;
    this.#ending ??= this.#clock.after(RECOVERED_MS, () => {
      this.#ending = undefined;
      this.#since = undefined;
      this.#over(lastedMs);
    });
  }

  close(): void {
    this.#ending?.cancel();
  }
}
