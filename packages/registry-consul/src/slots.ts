/**
 * Connections that may wait for changes at the same time. Over HTTP/1.1 each query holds one, and an agent gives 200 to all
 * processes of a machine; over HTTP/2 they share one.
 */
export class Slots {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether somebody waits for one: then nobody should keep theirs for long. */
  get scarce(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves to the function that gives it back. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#max) {
      this.#taken++;
      return this.#giver();
    }
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', gone);
        resolve();
      };
      const gone = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', gone, { once: true });
    });
    return this.#giver();
  }

  /** Handed on to whoever has waited longest. */
  #giver(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    };
  }
}
