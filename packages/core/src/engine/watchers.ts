import type { Snapshot } from '../contract/snapshot.js';

/** Who wants to hear of a service: of each change of its snapshot, or once that calls can go ahead. */
export class Watchers {
  readonly #watching = new Set<(snapshot: Snapshot) => void>();
  readonly #waiting = new Set<() => void>();
  readonly #current: () => Snapshot;
  readonly #failed: (error: unknown) => void;

  /**
   * @param current the snapshot at that moment: a listener may be what changes it
   * @param failed gets what a listener throws
   */
  constructor(current: () => Snapshot, failed: (error: unknown) => void) {
    this.#current = current;
    this.#failed = failed;
  }

  /** Whether anybody waits. */
  get awaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** Calls `listener` at once and with each change. @returns a function that ends it */
  watch(listener: (snapshot: Snapshot) => void): () => void {
    // Wrapped: the same function subscribed twice is two subscriptions.
    const entry = (snapshot: Snapshot): void => listener(snapshot);
    this.#watching.add(entry);
    this.#tell(entry);
    return () => this.#watching.delete(entry);
  }

  /** Calls `then` at the next `wake`. @returns a function that gives up waiting */
  wait(then: () => void): () => void {
    this.#waiting.add(then);
    return () => this.#waiting.delete(then);
  }

  /** The snapshot has changed. */
  tell(): void {
    for (const watcher of [...this.#watching]) this.#tell(watcher);
  }

  /** Whoever waits need not wait any longer. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  close(): void {
    this.wake();
    this.#watching.clear();
  }

  #tell(watcher: (snapshot: Snapshot) => void): void {
    try {
      watcher(this.#current());
    } catch (error) {
      this.#failed(error);
    }
  }
}
