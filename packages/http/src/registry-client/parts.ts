import { nextTurn } from './turn.js';
import type { RegistryAnswer } from './types.js';

/** After so many bytes of a list or of a burst of events, others get their turn. */
const TURN_BYTES = 32 * 1024;

/** A body as it arrives, in parts of at most 32 KiB. What has arrived is read without a pause: this makes one now and then. */
export async function* partsOf(answer: RegistryAnswer): AsyncGenerator<Buffer> {
  let since = 0;
  for await (const chunk of answer.chunks()) {
    for (let from = 0; from < chunk.length; from += TURN_BYTES) {
      const part = chunk.subarray(from, from + TURN_BYTES);
      yield part;
      since += part.length;
      if (since < TURN_BYTES) continue;
      since = 0;
      await nextTurn();
    }
  }
}
