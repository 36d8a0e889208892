import { AsyncLocalStorage } from 'node:async_hooks';
import { TryDispatcher } from './try-dispatcher.js';

/** @param back whether the global fetch has had this request */
export type NativeFetch = (input: unknown, init: unknown, back: boolean) => Promise<Response>;

type GlobalFetch = (input: unknown, init: unknown) => Promise<Response>;

/** A request that the global fetch was given by us, and the one that it was made for in turn. */
interface Given {
  readonly url: string;
  readonly outer: Given | undefined;
  readonly depth: number;
}

/** Shared by all fetches of the process: they may lead to each other. */
const given = new AsyncLocalStorage<Given>();

/** What wraps the global fetch may make requests of its own, by us; but not for ever. */
const DEEPEST = 8;

/**
 * The global fetch at the time of each call, so that what instruments or mocks it sees ours too; but where that leads
 * back here, because somebody made ours the global one or wrapped it, the one that was global when ours was made.
 *
 * @param own the fetch that this is for
 */
export function nativeFetch(own: () => unknown): NativeFetch {
  const original = globalThis.fetch as GlobalFetch;
  return (input, init, back) => {
    const current = globalThis.fetch as GlobalFetch;
    // As nearly always: nothing came between, and following the call through would cost.
    if (current === original || current === own() || back) return original(input, init);
    const outer = given.getStore();
    const next = { url: urlOf(input), outer, depth: (outer?.depth ?? 0) + 1 };
    return given.run(next, () => current(input, init));
  };
}

/**
 * Whether a request came back from the global fetch that it was given to. Its dispatcher tells, unless what wraps the
 * global fetch put it into a Request; then the URL does, as wrappers make other requests too (for a token).
 */
export function isBack(input: unknown, init: unknown): boolean {
  if ((init as { dispatcher?: unknown } | null | undefined)?.dispatcher instanceof TryDispatcher) return true;
  let outer = given.getStore();
  if (outer === undefined) return false;
  if (outer.depth >= DEEPEST) return true;
  const url = urlOf(input);
  while (outer !== undefined && outer.url !== url) outer = outer.outer;
  return outer !== undefined;
}

/** In the one form that a Request has it in; as it is when fetch will refuse it. */
function urlOf(input: unknown): string {
  try {
    return input instanceof Request ? input.url : new URL(String(input)).href;
  } catch {
    return '';
  }
}
