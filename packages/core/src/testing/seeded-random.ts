/**
 * A reproducible source of randomness: the same seed gives the same numbers.
 *
 * @param seed any number; printed by a failing test
 * @returns a function uniform in [0, 1) with 32 bits. Source: mulberry32 by Tommy Ettinger (public domain).
 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
