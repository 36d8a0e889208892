import {
  type CallOptions,
  check,
  checkCallOptions,
  checkOptions,
  type Engine,
  type Route,
} from '@crowfly/core';
import { openedPools, openPools } from '@crowfly/http';
import { FetchCall } from './fetch-call.js';
import { isBack, nativeFetch } from './native-fetch.js';
import { type Init, isIdempotent, isReplayable, readInit } from './request.js';
import { smallBody } from './request-body.js';

/** What fetch takes, and what crowfly may be told about the one call. */
export interface CrowflyRequestInit extends RequestInit {
  /** For calls to services; ignored by all others. */
  readonly crowfly?: CallOptions;
}

/** The signature of the built-in fetch, with `crowfly` in its options. Assignable to `typeof fetch`. */
export type CrowflyFetch = (input: string | URL | Request, init?: CrowflyRequestInit) => Promise<Response>;

export interface FetchOptions {
  /**
   * What the Host header of a call to a service says: `logical` (the default), the host and port that the caller wrote,
   * or `instance`, the address of the instance that the call goes to.
   */
  readonly host?: 'logical' | 'instance';
}

/** The default of every option. */
export const FETCH_DEFAULTS = { host: 'logical' } as const satisfies FetchOptions;

/**
 * A fetch that takes the names of services in URLs: `fetch('http://orders/v1/42')` goes to an instance of `orders`.
 * Everything else, and every call with a `dispatcher` of its own, goes to the global fetch untouched.
 *
 * The answer is the built-in fetch's own Response; its `url` is the one that the caller wrote. Connections are shared by
 * all clients of the engine and closed with it.
 *
 * The promise it returns rejects with
 * - CrowflyError `call-failed`, `timeout`, `no-instances`, `unknown-service` and others when no instance answered
 * - CrowflyError `bad-name`, `bad-option` for what cannot be meant
 * - the reason of the caller's signal when that aborted
 * - the TypeError of the built-in fetch for a request that cannot be sent
 */
export function createFetch(engine: Engine, options: FetchOptions = {}): CrowflyFetch {
  checkOptions('createFetch', options, { host: check.oneOf('logical', 'instance') });
  const { host } = { ...FETCH_DEFAULTS, ...options };
  const native = nativeFetch(() => fetch);

  const callService = (
    route: Route,
    target: string | Request,
    init: Init,
    told: CallOptions,
    replayable: boolean,
  ): Promise<Response> => {
    const idempotent = told.idempotent ?? isIdempotent(target, init);
    const signal = signalOf(target, init);
    const facts = { engine, route, signal, key: told.key, host };
    const call = new FetchCall(facts, target, init, native);
    // What loading undici takes, once, must not look like an instance's latency.
    const send = (): Promise<Response> =>
      engine.call(route, { ...told, idempotent, replayable, signal }, call);
    return openedPools(engine) === undefined ? openPools(engine).then(send) : send();
  };

  // A default, so that its length is 1 like the built-in's.
  async function fetch(
    input: string | URL | Request,
    init: CrowflyRequestInit | undefined = undefined,
  ): Promise<Response> {
    const target = targetOf(input);
    const route = target === undefined || !isDictionary(init) ? undefined : routeOf(engine, target);
    const back = isBack(input, init);
    if (target === undefined || route === undefined || back || (init as Init | undefined)?.dispatcher) {
      return native(input, init, back);
    }
    const { crowfly, ...known } = init ? readInit(init) : ({} as Init);
    if (crowfly !== undefined) checkCallOptions(crowfly, 'fetch(..., { crowfly })');
    const told = (crowfly ?? {}) as CallOptions;
    if (typeof target === 'string') return callService(route, target, known, told, isReplayable(known.body));
    const replayable = await adopt(target, known, told.attempts !== 1);
    return callService(route, target, known, told, replayable);
  }
  return fetch;
}

/** Takes from a Request what it would lose when options are given beside it. @returns whether its body can be sent again */
async function adopt(request: Request, init: Init, again: boolean): Promise<boolean> {
  // Any option makes fetch forget the referrer, and the dispatcher is one.
  if (Object.keys(init).length === 0) {
    if (request.referrer !== 'about:client') init.referrer = request.referrer;
    if (request.referrerPolicy !== '') init.referrerPolicy = request.referrerPolicy;
  }
  if (request.body === null || (init.body !== undefined && init.body !== null))
    return isReplayable(init.body);
  const body = again ? await smallBody(request) : undefined;
  if (body === undefined) return false;
  init.body = body;
  return true;
}

/** What fetch would make of its first argument; `undefined` when that fails, which fetch says best itself. */
function targetOf(input: unknown): string | Request | undefined {
  if (typeof input === 'string' || input instanceof Request) return input;
  try {
    return String(input);
  } catch {
    return undefined;
  }
}

function routeOf(engine: Engine, target: string | Request): Route | undefined {
  let url: URL;
  try {
    url = new URL(typeof target === 'string' ? target : target.url);
  } catch {
    return undefined;
  }
  return url.protocol === 'http:' || url.protocol === 'https:' ? engine.route(url) : undefined;
}

const isDictionary = (init: unknown): boolean =>
  init === undefined || init === null || typeof init === 'object' || typeof init === 'function';

function signalOf(target: string | Request, init: Init): AbortSignal | undefined {
  const signal = init.signal === undefined && target instanceof Request ? target.signal : init.signal;
  return signal instanceof AbortSignal ? signal : undefined;
}
