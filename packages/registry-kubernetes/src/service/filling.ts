import type { Endpoint } from '@crowfly/core';
import type { Slice } from '../slice.js';
import type { Usable } from './ports.js';
import { sliceEndpoints } from './slice-endpoints.js';
import { Union } from './union.js';

/** What slices were made into a union, for one port and one address family. */
export class Filling {
  /** For which port and addresses it is made. */
  readonly made: string;
  readonly #choice: Usable;
  readonly #union = new Union();
  /** What the union holds, by the slice's name. */
  readonly #held = new Map<string, { readonly slice: Slice; readonly endpoints: readonly Endpoint[] }>();

  constructor(family: Slice['family'] | undefined, choice: Usable) {
    this.made = Filling.key(family, choice);
    this.#choice = choice;
  }

  static key(family: Slice['family'] | undefined, choice: Usable): string {
    return JSON.stringify([family, choice]);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#union.endpoints;
  }

  /** Brings the union up to date with the slices: those that changed and joined, and those that left unless it is a part. */
  take(slices: readonly Slice[], part = false): void {
    const before: Endpoint[] = [];
    const after: Endpoint[] = [];
    const gone = new Set(part ? [] : this.#held.keys());
    for (const slice of slices) {
      gone.delete(slice.name);
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
