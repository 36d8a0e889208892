import type { Endpoint } from './endpoint.js';

/**
 * What is known of a service at one moment. Unknown, known-empty, populated and failed are four different facts;
 * a failure never replaces a set.
 */
export type Snapshot =
  /** Nothing heard yet. */
  | { readonly status: 'pending' }
  /** The registry says with authority that there is no such service. */
  | { readonly status: 'unknown'; readonly reason: string }
  /** The registry failed before it ever delivered a set. */
  | { readonly status: 'failed'; readonly cause: unknown }
  | { readonly status: 'ready'; readonly endpoints: readonly Endpoint[]; readonly version: number }
  /** The last good set, while the registry fails. `since`: when it began, in the clock's milliseconds. */
  | {
      readonly status: 'stale';
      readonly endpoints: readonly Endpoint[];
      readonly version: number;
      readonly since: number;
      readonly cause: unknown;
    };
