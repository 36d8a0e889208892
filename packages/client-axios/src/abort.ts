import type { GenericAbortSignal } from 'axios';

/** What axios needs of a signal and its controller, in one: there is one per try, and real ones cost more than the rest of it. */
export class Abort implements GenericAbortSignal {
  aborted = false;
  reason: unknown;
  #listener: ((event: { type: 'abort' }) => void) | undefined;

  /** Idempotent. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#listener?.({ type: 'abort' });
  }

  /** axios' HTTP adapter is the only one that listens, and to nothing but `abort`. */
  addEventListener(_type: string, listener: (event: { type: 'abort' }) => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }
}
