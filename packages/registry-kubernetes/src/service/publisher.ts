import type { Clock, Endpoint, Feed, Problem, Timer } from '@crowfly/core';
import { sameEndpoints } from './slice-endpoints.js';

/**
 * What takes something away waits this long for more: an endpoint that moves between slices is gone from one before it
 * is in the other (on a real server for a few milliseconds), and a Service goes before its slices, or after.
 */
const REMOVAL_MS = 20;

/** Says to a feed what is new, and nothing twice. */
export class Publisher {
  readonly #feed: Feed;
  readonly #clock: Clock;
  #said: { readonly endpoints: readonly Endpoint[] } | { readonly unknown: string } | undefined;
  #problems = '';
  #removal: Timer | undefined;

  constructor(feed: Feed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** Whether anything was said yet. */
  get started(): boolean {
    return this.#said !== undefined;
  }

  publish(endpoints: readonly Endpoint[]): void {
    this.stop();
    const said = this.#said;
    if (said !== undefined && 'endpoints' in said && sameEndpoints(said.endpoints, endpoints)) return;
    this.#said = { endpoints };
    this.#feed.publish(endpoints);
  }

  unknown(reason: string): void {
    this.stop();
    if (this.#said !== undefined && 'unknown' in this.#said && this.#said.unknown === reason) return;
    this.#said = { unknown: reason };
    this.#feed.unknown(reason);
  }

  report(problems: readonly Problem[]): void {
    const text = problems.map(({ detail }) => detail).join('\n');
    if (text === this.#problems) return;
    this.#problems = text;
    for (const problem of problems) this.#feed.report(problem);
  }

  /** Whether a set without what `endpoints` lacks would take something away. */
  wouldTakeAway(endpoints: readonly Endpoint[]): boolean {
    const said = this.#said;
    return said !== undefined && 'endpoints' in said && takesAway(said.endpoints, endpoints);
  }

  /**
   * Calls `then` after the time in which what seems gone may come back; at once when nothing was said yet. Not put off
   * again by what follows: a service that shrinks all the time is still told of.
   */
  later(then: () => void): void {
    if (this.#said === undefined) then();
    else
      this.#removal ??= this.#clock.after(REMOVAL_MS, () => {
        this.#removal = undefined;
        then();
      });
  }

  /** Nothing is to be said later. */
  stop(): void {
    this.#removal?.cancel();
    this.#removal = undefined;
  }
}

/** Both are sorted by id, and mostly the same objects at the same distance. */
function takesAway(before: readonly Endpoint[], after: readonly Endpoint[]): boolean {
  let at = 0;
  for (let index = 0; index < before.length; index++) {
    const endpoint = before[index] as Endpoint;
    if (after[at] !== endpoint) {
      while (at < after.length && (after[at] as Endpoint).id < endpoint.id) at++;
      if (after[at]?.id !== endpoint.id) return true;
    }
    at++;
  }
  return false;
}
