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
  readonly #tried: Member[] = [];
  readonly #signal: AbortSignal | undefined;
  #deadline: Timer | undefined;
  readonly #interrupts = new Set<(reason: unknown) => void>();

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

  /** The whole call ends with `reason()` when `totalMs` have passed since its start. */
  limit(totalMs: number, reason: () => unknown): void {
    this.#deadline = after(this.#clock, totalMs, () => this.end(reason()));
  }

  tried(member: Member): boolean {
    return this.#tried.includes(member);
  }

  /** Before each pick. */
  nextTry(attempt: number): void {
    this.attempt = attempt;
    this.now = this.#clock.now();
  }

  remember(member: Member): void {
    this.#tried.push(member);
  }

  end(reason: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { reason };
    const interrupts = [...this.#interrupts];
    this.#interrupts.clear();
    for (const interrupt of interrupts) interrupt(reason);
  }

  /**
   * Waits for what `start` begins, but no longer than the call lasts. Several waits may run side by side.
   *
   * @param start gets the functions that settle the wait; returns what to do when the call ends meanwhile
   */
  wait<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.ended !== undefined) return reject(this.ended.reason);
      let cleanUp: (() => void) | undefined;
      const interrupt = (reason: unknown): void => {
        reject(reason);
        cleanUp?.();
      };
      const settle =
        <V>(then: (value: V) => void) =>
        (value: V): void => {
          this.#interrupts.delete(interrupt);
          then(value);
        };
      this.#interrupts.add(interrupt);
      cleanUp = start(settle(resolve), settle(reject));
      // It may have ended inside of `start`, when there was nothing to clean up yet.
      if (this.ended !== undefined) cleanUp();
    });
  }

  /** Releases the timer and the caller's signal. */
  finish(): void {
    this.#deadline?.cancel();
    this.#signal?.removeEventListener('abort', this);
  }
}

/**
 * A time limit that a stalled event loop cannot trip by itself: fired too late, it first lets the I/O that is waiting
 * be handled. Keeps the process alive, as a caller waits for it.
 */
export function after(clock: Clock, delayMs: number, fire: () => void): Timer {
  const due = clock.now() + delayMs;
  let timer = clock.after(
    delayMs,
    () => {
      if (clock.now() - due < LATE_MS) fire();
      else timer = clock.after(GRACE_MS, fire, true);
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
