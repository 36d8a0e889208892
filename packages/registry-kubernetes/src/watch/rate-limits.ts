import type { Clock } from '@crowfly/core';
import { TokenBucket } from '@crowfly/http';

/** As burst and interval in milliseconds: of what may be made up, and of what is known to be there. */
const UNKNOWN_LISTS = [100, 200] as const;
const KNOWN_LISTS = [100, 50] as const;
const UNKNOWN = [100, 100] as const;
const KNOWN = [100, 50] as const;

/**
 * The most that one registry asks of its cluster. Names may come from outside: whoever makes them up, in namespaces
 * that he makes up as well, must not turn each of our processes into many requests a second; nor keep waiting what is
 * known to be there.
 */
export class RateLimits {
  /** Lists of namespaces in which something was seen, and in which nothing was yet. */
  readonly knownLists: TokenBucket;
  readonly unknownLists: TokenBucket;
  /** Questions for Services. */
  readonly unknown: TokenBucket;
  readonly known: TokenBucket;

  constructor(clock: Clock) {
    this.knownLists = new TokenBucket(clock, ...KNOWN_LISTS);
    this.unknownLists = new TokenBucket(clock, ...UNKNOWN_LISTS);
    this.unknown = new TokenBucket(clock, ...UNKNOWN);
    this.known = new TokenBucket(clock, ...KNOWN);
  }
}
