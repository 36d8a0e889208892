/** The statistic: how far counts are from what is expected. 0: exactly as expected. */
export function chiSquared(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - (expected[i] ?? 0)) ** 2 / (expected[i] ?? 1), 0);
}

/**
 * The value that a fair draw exceeds once in some ten million times.
 *
 * Source: E. B. Wilson and M. M. Hilferty, "The distribution of chi-square" (1931).
 */
export function chiSquaredLimit(degreesOfFreedom: number): number {
  const spread = 2 / (9 * degreesOfFreedom);
  return degreesOfFreedom * (1 - spread + 5.2 * Math.sqrt(spread)) ** 3;
}
