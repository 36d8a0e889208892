/** A draw from a normal distribution. Source: Box and Muller (1958). */
export function normal(random: () => number, mean: number, sigma: number): number {
  return mean + sigma * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A draw from an exponential distribution. */
export function exponential(random: () => number, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

/** The value that a share `q` of the sorted list stays below. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}
