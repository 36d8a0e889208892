/** A larger body of a Request is sent as a stream, once. */
const LIMIT = 64 * 1024;
/** How many turns of the event loop a body may take to be read: one that is in memory takes one or two. */
const TURNS = 4;

/**
 * The body of a Request that can be sent again: a Request holds its body as a stream, whatever it was made from, and
 * many libraries make one for each call. A body that is in memory and small is read here; anything else is left as it
 * is, to be sent once.
 *
 * @returns `undefined` when it is too large, not there yet, or cannot be read; the request itself can be sent then
 */
export async function smallBody(request: Request): Promise<Uint8Array | undefined> {
  if (request.bodyUsed || request.body?.locked) return undefined;
  const reader = request.clone().body?.getReader();
  if (reader === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  const whole = (async (): Promise<boolean> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      size += value.byteLength;
      if (size > LIMIT) return false;
      chunks.push(value);
    }
  })().catch(() => false);
  const tooLong = (async (): Promise<boolean> => {
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
    return false;
  })();
  if (await Promise.race([whole, tooLong])) {
    // As after any fetch, the caller's request counts as used.
    request.body?.cancel().catch(() => {});
    return Buffer.concat(chunks);
  }
  reader.cancel().catch(() => {});
  return undefined;
}
