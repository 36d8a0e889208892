/** Time constant of the latency average: Finagle's default. */
const DECAY_MS = 10_000;
/** The first answers of an instance include its connecting and its warming up: the average begins behind them. */
const WARM_UP = 3;

/** Moving average of one instance's time to the first byte. */
export class Latency {
  /** Whether there were enough answers for the average to mean anything. */
  measured = false;
  #answers = 0;
  #average = 0;
  #latest = 0;
  #stamp = 0;

  /** Decayed to `now`. */
  at(now: number): number {
    const age = now - this.#stamp;
    return age > 0 ? this.#average * Math.exp(-age / DECAY_MS) : this.#average;
  }

  /**
   * Peak EWMA (Finagle): slower answers count at once and in full, faster ones by and by. Slower means two in a row: a
   * single one (a garbage collection, a cold path) would keep calls away for as long as the average takes to decay.
   */
  observe(latencyMs: number, now: number): void {
    this.#average = this.measured
      ? this.#following(latencyMs, Math.min(latencyMs, this.#latest), now)
      : latencyMs;
    this.#latest = latencyMs;
    this.#stamp = now;
    if (!this.measured) this.measured = ++this.#answers >= WARM_UP;
  }

  /** A try that was given up after `elapsedMs`: its latency is at least that. */
  observeAtLeast(elapsedMs: number, now: number): void {
    if (elapsedMs <= this.at(now)) return;
    this.#latest = elapsedMs;
    this.observe(elapsedMs, now);
  }

  #following(latencyMs: number, peakMs: number, now: number): number {
    const keep = Math.exp(-Math.max(0, now - this.#stamp) / DECAY_MS);
    const decayed = this.#average * keep;
    return peakMs > decayed ? peakMs : decayed + latencyMs * (1 - keep);
  }
}
