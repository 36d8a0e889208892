import type { Clock, Timer } from '@crowfly/core';

/** While somebody waits for a connection, nobody should keep theirs for longer. */
export const SCARCE_MS = 2_000;
/** So much later it is taken away from one that did not know: those that knew are back by then. */
const GRACE_MS = 500;

interface Holder {
  readonly since: number;
  giveWay(): void;
}

/**
 * Connections that may be in use at the same time. Over HTTP/1.1 each query holds one, and an agent gives 200 to all
 * processes of a machine; over HTTP/2 they share one.
 */
export class Slots {
  readonly #max: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  /** Those that were not asked to give way yet, in the order in which they began. */
  readonly #holders = new Set<Holder>();
  #taken = 0;
  #timer: Timer | undefined;

  constructor(max: number, clock: Clock) {
    this.#max = max;
    this.#clock = clock;
  }

  /** Whether somebody waits for one. */
  get scarce(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Resolves to the function that gives it back. Rejects with the signal's reason.
   *
   * @param giveWay called when others have waited for long enough; absent: it is given back soon anyway
   */
  async take(signal: AbortSignal, giveWay?: () => void): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#max) this.#taken++;
    else await this.#turn(signal);
    const holder = giveWay === undefined ? undefined : { since: this.#clock.now(), giveWay };
    if (holder !== undefined) this.#holders.add(holder);
    this.#arm();
    let given = false;
    return () => {
      if (given) return;
      given = true;
      if (holder !== undefined) this.#holders.delete(holder);
      // Handed on to whoever has waited longest.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
      this.#arm();
    };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', gone);
        resolve();
      };
      const gone = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        this.#arm();
        reject(signal.reason);
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', gone, { once: true });
      this.#arm();
    });
  }

  /** Whoever has held one for longest gives way first. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const [oldest] = this.#holders;
    if (!this.scarce || oldest === undefined) return;
    const at = oldest.since + SCARCE_MS + GRACE_MS;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.now()), () => {
      this.#holders.delete(oldest);
      oldest.giveWay();
      this.#arm();
    });
  }
}
