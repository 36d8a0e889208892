import type { Problem } from '../contract/registry.js';
import type { EndpointGate, Gated } from './endpoint-gate.js';
import type { Follower } from './follow.js';

export interface IntakeOptions {
  readonly gate: EndpointGate;
  readonly follower: Pick<Follower, 'set' | 'unknown' | 'problem'>;
  /** A set was taken over, or a word that there is no such service. */
  taken(): void;
  /** A set was no good as a whole. */
  refuse(cause: unknown): void;
}

/** The last word of a registry that had to wait. */
type Word = { readonly raw: unknown } | { readonly unknown: string };

/**
 * What one watch says, in order. Nearly every set is taken over at once. One with thousands of entries that were not
 * there before, such as the first set of a large service, is read in pieces, with a turn for everything else in between,
 * and taken over as a whole; what is said meanwhile waits, and of sets only the latest.
 */
export class Intake {
  readonly #o: IntakeOptions;
  #stopped = false;
  #reading: Promise<void> | undefined;
  #next: Word | undefined;
  #problems: Problem[] = [];

  constructor(options: IntakeOptions) {
    this.#o = options;
  }

  /** Resolves when nothing that was said waits any more. Never rejects. */
  get idle(): Promise<void> {
    return this.#reading ?? Promise.resolve();
  }

  publish(raw: unknown): void {
    if (this.#reading === undefined) this.#take({ raw });
    else this.#next = { raw };
  }

  unknown(reason: string): void {
    if (this.#reading === undefined) this.#take({ unknown: reason });
    else this.#next = { unknown: reason };
  }

  report(problem: Problem): void {
    if (this.#reading === undefined) this.#o.follower.problem(problem);
    else this.#problems.push(problem);
  }

  /** Takes nothing over any more. */
  stop(): void {
    this.#stopped = true;
  }

  #take(word: Word): void {
    const { gate, follower, taken } = this.#o;
    if ('unknown' in word) {
      taken();
      follower.unknown(word.unknown);
      return;
    }
    try {
      const reading = gate.admit(word.raw);
      const piece = reading.next();
      if (piece.done) this.#set(piece.value);
      else this.#reading = this.#readOn(reading);
    } catch (error) {
      this.#o.refuse(error);
    }
  }

  #set(gated: Gated): void {
    this.#o.taken();
    this.#o.follower.set(gated);
  }

  async #readOn(reading: Generator<void, Gated>): Promise<void> {
    try {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        if (this.#stopped) return;
        const piece = reading.next();
        if (!piece.done) continue;
        this.#set(piece.value);
        break;
      }
    } catch (error) {
      this.#next = undefined;
      this.#o.refuse(error);
    } finally {
      this.#reading = undefined;
      this.#goOn();
    }
    // What waited may be a large set again.
    await this.#reading;
  }

  /** What was said while the set was read. */
  #goOn(): void {
    const problems = this.#problems;
    const next = this.#next;
    this.#problems = [];
    this.#next = undefined;
    if (this.#stopped) return;
    for (const problem of problems) this.#o.follower.problem(problem);
    if (next !== undefined) this.#take(next);
  }
}
