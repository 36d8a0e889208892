import type { Problem } from '../contract/registry.js';

/** So many reported problems of one set are kept, for messages. */
const MAX_REPORTED = 100;

/** What is wrong with the last set of a service: told once, and kept for messages as long as it is so. */
export class SetProblems {
  readonly #tell: (problem: Problem) => void;
  /** What the registry reported before the set came. */
  #reported: Problem[] = [];
  /** Whether that set has come, so that the next report belongs to another one. */
  #come = false;
  /** What the gate found. */
  #found: readonly Problem[] = [];
  #said = '[]';

  /** @param tell called once for each problem, or anew when the gate finds others */
  constructor(tell: (problem: Problem) => void) {
    this.#tell = tell;
  }

  get all(): readonly Problem[] {
    return [...this.#reported, ...this.#found];
  }

  /** The registry says something about the set that comes next. */
  report(problem: Problem): void {
    if (this.#come) this.#reported = [];
    this.#come = false;
    if (this.#reported.length < MAX_REPORTED) this.#reported.push(problem);
    this.#tell(problem);
  }

  /** A set came, in which the gate found this: the same each time, if it is delivered again and again. */
  set(found: readonly Problem[]): void {
    if (this.#come) this.#reported = [];
    this.#come = true;
    this.#found = found;
    const said = JSON.stringify(found);
    if (said === this.#said) return;
    this.#said = said;
    for (const problem of found) this.#tell(problem);
  }
}
