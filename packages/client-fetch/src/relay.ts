import { type DispatchHandler, parseRetryAfter } from '@crowfly/http';
import type { Exchange } from './exchange.js';
import { HeldAnswer, tooLarge } from './held-answer.js';

type Controller = Parameters<NonNullable<DispatchHandler['onRequestStart']>>[0];
type Headers = Parameters<NonNullable<DispatchHandler['onResponseStart']>>[2];
type Socket = Parameters<NonNullable<DispatchHandler['onRequestUpgrade']>>[3];

/**
 * Passes everything on to `handler` as it is, in whichever of undici's two styles `handler` is written, and tells
 * `exchange` what happens.
 */
export function relay(handler: DispatchHandler, exchange: Exchange): DispatchHandler {
  return isControlled(handler)
    ? new ControlledRelay(handler, exchange)
    : new CallbackRelay(handler, exchange);
}

/** Whether a handler is of undici's newer style: with a controller. */
export function isControlled(handler: DispatchHandler): boolean {
  return typeof handler.onRequestStart === 'function';
}

/** Retry-After goes with these (RFC 9110, RFC 6585). */
const mayAskToWait = (status: number): boolean => status === 503 || status === 429;

/** The older style: callbacks with raw headers. What the built-in fetch of Node.js 20, 22 and 24 uses. */
class CallbackRelay implements DispatchHandler {
  readonly #handler: DispatchHandler;
  readonly #exchange: Exchange;

  constructor(handler: DispatchHandler, exchange: Exchange) {
    this.#handler = handler;
    this.#exchange = exchange;
    exchange.attach((error) => handler.onError?.(error as Error));
  }

  onConnect(abort: (error?: Error) => void): void {
    const exchange = this.#exchange;
    if (exchange.ended !== undefined) {
      abort(exchange.ended.reason as Error);
      return;
    }
    exchange.connected(abort as (reason: unknown) => void);
    this.#handler.onConnect?.((reason) => {
      exchange.drop();
      abort(reason);
    });
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void, text: string): boolean {
    if (status >= 200) this.#exchange.head(status, mayAskToWait(status) ? rawRetryAfter(headers) : undefined);
    if (HeldAnswer.for(status)) {
      const held = new HeldAnswer((handler) => handler.onConnect?.(() => {}));
      held.add((handler) => handler.onHeaders?.(status, headers, () => {}, text));
      this.#exchange.held = held;
      return true;
    }
    return this.#handler.onHeaders?.(status, headers, resume, text) ?? true;
  }

  onData(chunk: Buffer): boolean {
    const { held } = this.#exchange;
    this.#exchange.progress();
    if (held === undefined) return this.#handler.onData?.(chunk) ?? true;
    if (!held.addBody(chunk, (handler, part) => handler.onData?.(part))) this.#exchange.abort(tooLarge());
    return true;
  }

  onComplete(trailers: string[] | null): void {
    const { held } = this.#exchange;
    this.#exchange.complete();
    held?.add((handler) => handler.onComplete?.(trailers));
    if (held === undefined) this.#handler.onComplete?.(trailers);
    else held.release(this.#handler);
  }

  onUpgrade(status: number, headers: Buffer[] | string[] | null, socket: Socket): void {
    this.#exchange.head(status, undefined);
    this.#exchange.complete();
    this.#handler.onUpgrade?.(status, headers, socket);
  }

  onError(error: Error): void {
    this.#exchange.fail(error);
  }
}

/** The newer style: what the built-in fetch of Node.js 26 uses. */
class ControlledRelay implements DispatchHandler {
  readonly #handler: DispatchHandler;
  readonly #exchange: Exchange;
  #controller: Controller | undefined;

  constructor(handler: DispatchHandler, exchange: Exchange) {
    this.#handler = handler;
    this.#exchange = exchange;
    exchange.attach((error) => handler.onResponseError?.(this.#controller as Controller, error as Error));
  }

  onRequestStart(controller: Controller, context: unknown): void {
    const exchange = this.#exchange;
    this.#controller = controller;
    if (exchange.ended !== undefined) {
      controller.abort(exchange.ended.reason as Error);
      return;
    }
    exchange.connected((reason) => controller.abort(reason as Error));
    this.#handler.onRequestStart?.(controller, context);
  }

  onResponseStarted(): void {
    // Not in undici's declaration of the newer style, but what fetch takes its timing from.
    this.#handler.onResponseStarted?.();
  }

  onResponseStart(controller: Controller, status: number, headers: Headers, text?: string): void {
    if (status >= 200) {
      const asked = mayAskToWait(status) ? headers['retry-after'] : undefined;
      this.#exchange.head(status, parseRetryAfter(Array.isArray(asked) ? asked[0] : asked));
    }
    if (HeldAnswer.for(status)) {
      const held = new HeldAnswer((handler) => handler.onRequestStart?.(controller, {}));
      held.add((handler) => handler.onResponseStart?.(controller, status, headers, text));
      this.#exchange.held = held;
      return;
    }
    this.#handler.onResponseStart?.(controller, status, headers, text);
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    const { held } = this.#exchange;
    this.#exchange.progress();
    if (held === undefined) {
      this.#handler.onResponseData?.(controller, chunk);
    } else if (!held.addBody(chunk, (handler, part) => handler.onResponseData?.(controller, part))) {
      this.#exchange.abort(tooLarge());
    }
  }

  onResponseEnd(controller: Controller, trailers: Headers): void {
    const { held } = this.#exchange;
    this.#exchange.complete();
    held?.add((handler) => handler.onResponseEnd?.(controller, trailers));
    if (held === undefined) this.#handler.onResponseEnd?.(controller, trailers);
    else held.release(this.#handler);
  }

  onRequestUpgrade(controller: Controller, status: number, headers: Headers, socket: Socket): void {
    this.#exchange.head(status, undefined);
    this.#exchange.complete();
    this.#handler.onRequestUpgrade?.(controller, status, headers, socket);
  }

  onResponseError(controller: Controller | undefined, error: Error): void {
    // The engine's own abort goes through the controller too, and is known already.
    if (controller?.aborted && this.#exchange.ended === undefined) this.#exchange.drop();
    this.#exchange.fail(error);
  }
}

function rawRetryAfter(headers: readonly Buffer[]): number | undefined {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index];
    if (name?.length === 11 && name.toString('latin1').toLowerCase() === 'retry-after') {
      return parseRetryAfter(headers[index + 1]?.toString('latin1'));
    }
  }
  return undefined;
}
