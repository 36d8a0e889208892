import type { Endpoint } from '@crowfly/core';
import type { Slice } from '../slice.js';
import type { Usable } from './ports.js';
import { sliceEndpoints } from './slice-endpoints.js';
import { Union } from './union.js';

/** So many endpoints are made without a pause. */
const PIECE = 1_000;

/** The endpoints of a service on one port and of one address family, kept up to date with its slices. */
export class EndpointSet {
  /** For which port and addresses it is made. */
  readonly key: string;
  readonly #choice: Usable;
  readonly #union = new Union();
  /** What the union holds, by the slice's name. */
  readonly #held = new Map<string, { readonly slice: Slice; readonly endpoints: readonly Endpoint[] }>();

  constructor(family: Slice['family'] | undefined, choice: Usable) {
    this.key = EndpointSet.key(family, choice);
    this.#choice = choice;
  }

  /** A large one, with `turn` in between, so that others can work. */
  static async inPieces(
    slices: readonly Slice[],
    choice: Usable,
    turn: () => Promise<void>,
  ): Promise<EndpointSet> {
    const set = new EndpointSet(slices[0]?.family, choice);
    let part: Slice[] = [];
    let size = 0;
    for (const slice of slices) {
      part.push(slice);
      size += slice.instances.length;
      if (size < PIECE) continue;
      set.#change(part, new Set());
      part = [];
      size = 0;
      await turn();
    }
    set.#change(part, new Set());
    return set;
  }

  static key(family: Slice['family'] | undefined, choice: Usable): string {
    return JSON.stringify([family, choice]);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#union.endpoints;
  }

  /** Brings it up to date: `slices` are all that the service has now. */
  take(slices: readonly Slice[]): void {
    const gone = new Set(this.#held.keys());
    for (const { name } of slices) gone.delete(name);
    this.#change(slices, gone);
  }

  #change(slices: readonly Slice[], gone: ReadonlySet<string>): void {
    const before: Endpoint[] = [];
    const after: Endpoint[] = [];
    for (const slice of slices) {
      const held = this.#held.get(slice.name);
      if (held?.slice === slice) continue;
      const known = held?.endpoints ?? [];
      const endpoints = sliceEndpoints(slice, this.#choice, known);
      for (const endpoint of known) before.push(endpoint);
      for (const endpoint of endpoints) after.push(endpoint);
      this.#held.set(slice.name, { slice, endpoints });
    }
    for (const name of gone) {
      for (const endpoint of this.#held.get(name)?.endpoints ?? []) before.push(endpoint);
      this.#held.delete(name);
    }
    this.#union.change(before, after);
  }
}
