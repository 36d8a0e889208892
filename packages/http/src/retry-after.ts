/** What a server may ask for at the most, in milliseconds: a longer wait helps no caller. */
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * The value of a `Retry-After` header (RFC 9110, section 10.2.3): whole seconds, or an HTTP date.
 *
 * @param nowMs the wall clock, in milliseconds since the epoch: only a date needs it
 * @returns milliseconds from now, 0 for a date that has passed, at most {@link MAX_RETRY_AFTER_MS}; `undefined` when
 *   there is no header or it cannot be read
 */
export function parseRetryAfter(value: string | null | undefined, nowMs = Date.now()): number | undefined {
  const text = value?.trim();
  // Length before patterns: what a server sends is not trusted.
  if (!text || text.length > 40) return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // All three date forms begin with the name of a day; Date.parse alone would also take '-5' or 'May'.
  if (!/^(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?,? /i.test(text)) return undefined;
  // The form of asctime names no zone; it means GMT like the others.
  const at = Date.parse(/ GMT$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowMs), MAX_RETRY_AFTER_MS);
}
