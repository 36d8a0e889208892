/** A call that was not answered in this time has failed. */
export const ANSWER_WITHIN_MS = 1000;
/** In how many slices that time is waited for. */
const SLICES = 10;

/** As the built-in fetch, for paths of the `orders` service. */
export type Send = (path: string, init: { signal: AbortSignal }) => Promise<Response>;

/** What came of one call. */
export interface CallResult {
  /** From the call to the end of the answer's body, on a monotonic clock. */
  readonly ms: number;
  /** Which instance answered: it says so itself. Absent when none did. */
  readonly instance?: string;
  /** Why the call failed; absent when it did not. */
  readonly failure?: string;
}

/** One call, and the rule for all: a failure is a rejection, a status >= 500, or no answer within 1 s. */
export async function callOnce(send: Send): Promise<CallResult> {
  const started = performance.now();
  const limit = timeLimit(ANSWER_WITHIN_MS);
  try {
    const response = await send('/v1/42', { signal: limit.signal });
    const { instance } = (await response.json()) as { instance: string };
    const ms = performance.now() - started;
    return response.status < 500 ? { ms, instance } : { ms, instance, failure: `status ${response.status}` };
  } catch (error) {
    return { ms: performance.now() - started, failure: reasonOf(error) };
  } finally {
    limit.clear();
  }
}

/**
 * As `AbortSignal.timeout`, but it counts only the time in which this process ran. On a busy machine it may stand still
 * while answers wait unread, and that must not look like the fault of an instance: a slice of the time that ends late is
 * waited for again, and what waits on the sockets is read before the limit strikes.
 */
function timeLimit(ms: number): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const sliceMs = ms / SLICES;
  let left = SLICES;
  let since = performance.now();
  const timer = setTimeout(() => {
    const now = performance.now();
    if (now - since < 1.5 * sliceMs) left--;
    since = now;
    if (left > 0) timer.refresh();
    else setImmediate(() => controller.abort(new DOMException(`no answer within ${ms} ms`, 'TimeoutError')));
  }, sliceMs);
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** Short, so that equal ones can be counted: `ECONNREFUSED`, `no answer within 1000 ms`. */
function reasonOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at.name === 'TimeoutError') return at.message;
    const { code } = at as { code?: unknown };
    if (typeof code === 'string' && !(at.cause instanceof Error)) return code;
  }
  return String(error);
}
