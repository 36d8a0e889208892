import { type Clock, CrowflyError, sleep } from '@crowfly/core';
import { Busy } from '../api/status.js';

/** How often in a row the server may ask for patience. */
const MAX_BUSY = 5;

/** Waits when the server asks for it: that is no failure, and what is known stays true. */
export async function patiently<T>(
  { clock, random }: { readonly clock: Clock; random(): number },
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  for (let busy = 1; ; busy++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Busy)) throw error;
      if (busy >= MAX_BUSY) throw new CrowflyError('registry-failed', error.message, { cause: error });
      await sleep(clock, error.afterMs * (1 + random() / 4), signal);
    }
  }
}
