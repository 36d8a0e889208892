import type { Path } from '../flaw.js';

/**
 * Parts of a document whose places are wanted: filled in by one walk over the text that visits only what leads to them,
 * however many they are and however large the document is.
 */
export class Wanted {
  /** Where this part stands; absent when the document does not have it. */
  offset: number | undefined;
  readonly #parts = new Map<string | number, Wanted>();

  add(path: Path): void {
    const [step, ...rest] = path;
    if (step === undefined) return;
    let part = this.#parts.get(step);
    if (part === undefined) {
      part = new Wanted();
      this.#parts.set(step, part);
    }
    part.add(rest);
  }

  part(step: string | number): Wanted | undefined {
    return this.#parts.get(step);
  }

  /** The offset of the deepest part of `path` that the document has. */
  find(path: Path): number {
    let offset = this.offset ?? 0;
    let wanted: Wanted | undefined = this;
    for (const step of path) {
      wanted = wanted.part(step);
      if (wanted?.offset === undefined) break;
      offset = wanted.offset;
    }
    return offset;
  }
}
