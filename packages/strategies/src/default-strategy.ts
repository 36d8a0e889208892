import type { Strategy } from '@crowfly/core';
import { peakEwma } from './peak-ewma.js';

/** What a service uses that was given no strategy. Why this one: docs/decisions/0002-default-strategy.md. */
export function defaultStrategy(): Strategy {
  return peakEwma();
}
