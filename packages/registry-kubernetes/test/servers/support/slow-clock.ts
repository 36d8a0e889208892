import type { Clock } from '@crowfly/core';

/**
 * A client's time that passes so many times slower than the machine's: what it does within milliseconds is then not lost
 * to a test whose server, and whose machine, take their time.
 */
export function slowClock(factor: number): Clock {
  return {
    now: () => performance.now() / factor,
    after(delayMs, fire, keepAlive = false) {
      const timer = setTimeout(fire, delayMs * factor);
      if (!keepAlive) timer.unref();
      return { cancel: () => clearTimeout(timer) };
    },
  };
}
