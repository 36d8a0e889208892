import type { Clock, Timer } from '../contract/clock.js';
import type { Call, Member } from '../contract/strategy.js';

/** A timer this late means that the event loop stood still: what arrived meanwhile is looked at first. */
const LATE_MS = 50;
const GRACE_MS = 20;

/**
 * One call while it runs: what strategies may know of it, and the one place where it can be ended early, by the
 * caller's signal, by the total time limit, or by `end`.
 */
export class ActiveCall implements Call {
  readonly hash: number;
  readonly hasKey: boolean;
  readonly startedAt: number;
  attempt = 0;
  now: number;
  /** Why the call must end; `undefined` while it runs. */
  ended: { readonly reason: unknown } | undefined;
  readonly #clock: Clock;
  #tried: Member[] | undefined;
  readonly #signal: AbortSignal | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  #outOfTime: () => unknown = () => undefined;
  readonly #interrupts: ((reason: unknown) => void)[] = [];

  constructor(clock: Clock, key: string | undefined, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.hasKey = key !== undefined;
    this.hash = key === undefined ? 0 : hashKey(key);
    this.startedAt = this.now = clock.now();
    this.#signal = signal;
    if (signal === undefined) return;
    if (signal.aborted) this.ended = { reason: signal.reason };
    else signal.addEventListener('abort', this);
  }

  /** EventListener of the caller's signal: an object instead of a closure per call. */
  handleEvent(): void {
    this.end(this.#signal?.reason);
  }

  /** The whole call ends with `reason()` when `totalMs` have passed since its start and it waits for something. */
  limit(totalMs: number, reason: () => unknown): void {
    this.#endsAt = this.startedAt + totalMs;
    this.#outOfTime = reason;
  }

  tried(member: Member): boolean {
    return this.#tried?.includes(member) === true;
  }

  /** Before each pick. */
  nextTry(attempt: number): void {
    this.attempt = attempt;
    this.now = this.#clock.now();
  }

  remember(member: Member): void {
    if (this.#tried === undefined) this.#tried = [member];
    else this.#tried.push(member);
  }

  end(reason: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { reason };
    for (const interrupt of [...this.#interrupts]) interrupt(reason);
  }

  /**
   * Waits for what `start` begins, but no longer than `withinMs` and than the call lasts. Several waits may run side by
   * side; each has one timer, for whichever limit comes first.
   *
   * @param late called when `withinMs` are over: the error to end the wait with
   * @param start gets the functions that settle the wait; returns what to do when it ends otherwise, with the reason
   */
  wait<T>(
    withinMs: number,
    late: () => unknown,
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => (reason: unknown) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.ended !== undefined) return reject(this.ended.reason);
      let cleanUp: ((reason: unknown) => void) | undefined;
      const settled = (): void => {
        timer?.cancel();
        const at = this.#interrupts.indexOf(interrupt);
        if (at >= 0) this.#interrupts.splice(at, 1);
      };
      const interrupt = (reason: unknown): void => {
        settled();
        reject(reason);
        cleanUp?.(reason);
      };
      const leftMs = this.#endsAt - this.#clock.now();
      const fire = (): void => (leftMs <= withinMs ? this.end(this.#outOfTime()) : interrupt(late()));
      const limitMs = Math.min(leftMs, withinMs);
      const timer = Number.isFinite(limitMs) ? after(this.#clock, Math.max(0, limitMs), fire) : undefined;
      this.#interrupts.push(interrupt);
      cleanUp = start(
        (value) => {
          settled();
          resolve(value);
        },
        (error) => {
          settled();
          reject(error);
        },
      );
      // It may have ended inside of `start`, when there was nothing to clean up yet.
      const { ended } = this as ActiveCall;
      if (ended !== undefined) cleanUp(ended.reason);
    });
  }

  /** Releases the caller's signal. */
  finish(): void {
    this.#signal?.removeEventListener('abort', this);
  }
}

/**
 * A time limit that a stalled event loop cannot trip by itself: fired too late, it gives back the time that nothing
 * could happen in, once, so that what had not even been sent gets its turn. Keeps the process alive, as a caller waits for it.
 */
function after(clock: Clock, delayMs: number, fire: () => void): Timer {
  const due = clock.now() + delayMs;
  let timer = clock.after(
    delayMs,
    () => {
      const lateMs = clock.now() - due;
      if (lateMs < LATE_MS) fire();
      else timer = clock.after(Math.max(GRACE_MS, Math.min(lateMs, delayMs)), fire, true);
    },
    true,
  );
  return { cancel: () => timer.cancel() };
}

/** FNV-1a, 32 bits: strategies mix it further. Source: Fowler, Noll, Vo. */
function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
