import type { Clock } from '@crowfly/core';
import { TokenBucket } from './token-bucket.js';

/** As burst and interval in milliseconds: lists, and questions for Services of which nothing, or something, is known. */
const LISTS = [100, 200] as const;
const UNKNOWN = [100, 100] as const;
const KNOWN = [100, 50] as const;

/**
 * The most that one registry asks of its cluster. Names may come from outside: whoever makes them up, in namespaces
 * that he makes up as well, must not turn each of our processes into many requests a second.
 */
export class RateLimits {
  readonly lists: TokenBucket;
  readonly unknown: TokenBucket;
  readonly known: TokenBucket;

  constructor(clock: Clock) {
    this.lists = new TokenBucket(clock, ...LISTS);
    this.unknown = new TokenBucket(clock, ...UNKNOWN);
    this.known = new TokenBucket(clock, ...KNOWN);
  }
}
