import type { DispatchHandler } from '@crowfly/http';

/** The most of a body that is kept. An answer of this kind is a line of text. */
const MOST_BYTES = 1024 * 1024;

/**
 * An answer that fetch is not told of before its end. The built-in fetch sends a request that was answered with 421
 * (Misdirected Request) a second time, to have another connection (Fetch standard, HTTP-network-or-cache fetch, step
 * 16): also a POST, and whoever asked for a single try. It then gets the same answer again instead, and passes that on.
 */
export class HeldAnswer {
  complete = false;
  readonly #steps: ((handler: DispatchHandler) => void)[] = [];
  readonly #connect: (handler: DispatchHandler) => void;
  #bytes = 0;

  /** Which answers are held. */
  static for(status: number): boolean {
    return status === 421;
  }

  /** @param connect what a handler is told before an answer */
  constructor(connect: (handler: DispatchHandler) => void) {
    this.#connect = connect;
  }

  add(step: (handler: DispatchHandler) => void): void {
    this.#steps.push(step);
  }

  /** @returns whether there is still room */
  addBody(chunk: Buffer, step: (handler: DispatchHandler, chunk: Buffer) => void): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > MOST_BYTES) return false;
    const own = Buffer.from(chunk);
    this.#steps.push((handler) => step(handler, own));
    return true;
  }

  /** The answer has ended: `handler`, which is connected, gets it. */
  release(handler: DispatchHandler): void {
    this.complete = true;
    for (const step of this.#steps) step(handler);
  }

  /** The same to another handler. */
  repeat(handler: DispatchHandler): void {
    this.#connect(handler);
    for (const step of this.#steps) step(handler);
  }
}

/** Why the body of a held answer is not waited for any longer. */
export function tooLarge(): Error {
  return Object.assign(new Error(`an answer with status 421 is larger than ${MOST_BYTES} bytes`), {
    code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  });
}
