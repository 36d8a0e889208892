/**
 * How long the event loop was kept by one turn: the gaps between callbacks of setImmediate that follow one another without
 * end. Unlike a histogram of delays it has no resolution of a millisecond, and counts whatever a turn does: parsing, garbage
 * collection, and several chunks that arrived together. An empty turn takes microseconds: nothing is subtracted.
 *
 * Two figures, as other programs take the processor away too: `ms`, by the wall; and `cpuMs`, of the time that this process
 * (with its helper threads) was really running in that turn, which nobody else lengthens.
 */
export class Ladder {
  #running = false;
  #at = 0;
  #cpu = 0;
  #longest = { ms: 0, cpuMs: 0 };

  start() {
    this.#longest = { ms: 0, cpuMs: 0 };
    this.#at = performance.now();
    this.#cpu = cpuMs();
    if (this.#running) return;
    this.#running = true;
    const step = () => {
      this.#look();
      if (this.#running) setImmediate(step);
    };
    setImmediate(step);
  }

  /** @returns the longest turn since the start, and the most processor time of one */
  stop() {
    this.#look();
    this.#running = false;
    return this.#longest;
  }

  #look() {
    const at = performance.now();
    const cpu = cpuMs();
    const ms = at - this.#at;
    if (ms > this.#longest.ms) this.#longest.ms = ms;
    // More than the wall: helper threads ran beside it.
    const own = Math.min(ms, cpu - this.#cpu);
    if (own > this.#longest.cpuMs) this.#longest.cpuMs = own;
    this.#at = at;
    this.#cpu = cpu;
  }
}

function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What lives, and what the process holds, in MB. */
export function memory() {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 };
}
