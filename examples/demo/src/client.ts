import { callOnce, type Send } from './call.js';
import { Tally } from './tally.js';

/** Someone who calls `orders`, and counts what comes of it. */
export class Client {
  readonly tally = new Tally();
  readonly #send: Send;
  readonly #pending = new Set<Promise<void>>();

  constructor(send: Send) {
    this.#send = send;
  }

  /** Calls that nobody counts, one after the other. */
  async warmUp(calls: number): Promise<void> {
    for (let call = 0; call < calls; call++) await callOnce(this.#send);
  }

  /** Sends a call; does not wait for it. */
  call(phase: string): void {
    const call = callOnce(this.#send).then((result) => {
      this.tally.record(phase, result);
      this.#pending.delete(call);
    });
    this.#pending.add(call);
  }

  /** Resolves when every call has ended. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
  }
}
