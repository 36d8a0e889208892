import type { Attempt, Engine, Lease, Route } from '@crowfly/core';
import type { DispatchHandler, DispatchOptions, Pools } from '@crowfly/http';
import { Exchange } from './exchange.js';
import { isControlled, relay } from './relay.js';

/** What the tries of one call have in common. */
export interface CallFacts {
  readonly engine: Engine;
  readonly route: Route;
  readonly signal: AbortSignal | undefined;
  readonly key: string | undefined;
  /** Whether the Host header says what the caller wrote, or where the request goes. */
  readonly host: 'logical' | 'instance';
}

/**
 * What the built-in fetch is given as its dispatcher for one try: sends the request to the instance that the try is for.
 *
 * Redirects come here too, as further requests: to a service (this or another one) each goes to an instance chosen for
 * it, anywhere else as the built-in fetch would send it.
 */
export class TryDispatcher {
  readonly #call: CallFacts;
  readonly #pools: Pools;
  readonly #attempt: Attempt;
  #exchange: Exchange | undefined;
  #requests = 0;

  constructor(call: CallFacts, pools: Pools, attempt: Attempt) {
    this.#call = call;
    this.#pools = pools;
    this.#attempt = attempt;
  }

  /** Retry-After of the last answer. */
  get retryAfterMs(): number | undefined {
    return this.#exchange?.retryAfterMs;
  }

  /** Whether an answer arrived: then the request was executed, even if what it redirected to failed. */
  get answered(): boolean {
    return this.#requests > 1 || (this.#exchange?.status ?? 0) !== 0;
  }

  /** Whether fetch itself ended the try, for a reason that is no instance's. */
  get dropped(): boolean {
    return this.#exchange?.dropped === true;
  }

  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    const before = this.#exchange;
    if (before?.held?.complete) {
      before.held.repeat(handler);
      return true;
    }
    this.#requests++;
    const exchange = new Exchange(this.#call.signal);
    this.#exchange = exchange;
    const relayed = relay(handler, exchange);
    this.#attempt.onAbort((reason) => exchange.abort(reason));
    try {
      if (before === undefined) {
        this.#send(this.#call.route, this.#attempt.lease, false, exchange, options, relayed);
      } else if (isRedirect(before.status)) this.#redirected(exchange, options, relayed);
      // How often a request is sent is the engine's to decide.
      else throw new TypeError(`fetch wants to repeat a request by itself, after status ${before.status}`);
    } catch (error) {
      exchange.fail(error);
    }
    return true;
  }

  #redirected(exchange: Exchange, options: DispatchOptions, handler: DispatchHandler): void {
    const route = this.#call.engine.route(new URL(String(options.origin)));
    if (route === undefined) builtInDispatcher(handler).dispatch(options, handler);
    else this.#follow(route, exchange, options, handler).catch((error) => exchange.fail(error));
  }

  /** A redirect to a service: a try of its own, without further tries, within the limits of the call. */
  async #follow(
    route: Route,
    exchange: Exchange,
    options: DispatchOptions,
    handler: DispatchHandler,
  ): Promise<void> {
    const { engine, signal, key } = this.#call;
    const lease = await engine.acquire(route, {
      ...(signal && { signal }),
      ...(key !== undefined && { key }),
    });
    if (exchange.ended !== undefined) lease.done({ kind: 'canceled' });
    else this.#send(route, lease, true, exchange, options, handler);
  }

  #send(
    route: Route,
    lease: Lease,
    alone: boolean,
    exchange: Exchange,
    options: DispatchOptions,
    handler: DispatchHandler,
  ): void {
    exchange.begin(lease, alone);
    if (exchange.ended !== undefined) return;
    const { endpoint } = lease;
    const { connectMs } = this.#attempt;
    // Without one, undici writes the address of the instance.
    const headers =
      this.#call.host === 'logical' ? withHost(options.headers, route.authority) : options.headers;
    this.#pools.dispatch({ route, endpoint, connectMs }, { ...options, headers: headers ?? null }, handler);
  }
}

/** The statuses that fetch follows (Fetch standard, redirect status). */
const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308;

/** `headers` in any of the forms that a dispatcher is given them in, with this Host. */
function withHost(headers: DispatchOptions['headers'], host: string): DispatchOptions['headers'] {
  if (headers === null || headers === undefined) return { host };
  if (Array.isArray(headers)) return ['host', host, ...headers];
  if (Symbol.iterator in headers) return [['host', host], ...(headers as Iterable<[string, string]>)];
  return { host, ...(headers as Record<string, string>) };
}

/** What the built-in fetch sends over when it is given no dispatcher. It exists, as fetch is running. */
function builtInDispatcher(handler: DispatchHandler): Pick<TryDispatcher, 'dispatch'> {
  const known = globalThis as unknown as Record<symbol, Pick<TryDispatcher, 'dispatch'>>;
  const older = known[Symbol.for('undici.globalDispatcher.1')];
  const newer = known[Symbol.for('undici.globalDispatcher.2')];
  const found = isControlled(handler) ? (newer ?? older) : (older ?? newer);
  if (found === undefined) throw new TypeError('the built-in fetch has no global dispatcher');
  return found;
}
