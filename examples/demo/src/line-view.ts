import type { Run, View } from './run.js';

/** Without a terminal: one plain line for each phase and event. */
export class LineView implements View {
  readonly #print: (line: string) => void;
  #run: Run | undefined;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  begin(run: Run): void {
    this.#run = run;
  }

  phase(name: string): void {
    const failures = this.#run === undefined ? '' : ` (failed so far: ${failed(this.#run)})`;
    this.#line(`${name}${failures}`);
  }

  event(text: string): void {
    this.#line(`  ${text}`);
  }

  close(): void {}

  #line(text: string): void {
    const ms = this.#run === undefined ? 0 : performance.now() - this.#run.startedAt;
    this.#print(`${(ms / 1000).toFixed(1).padStart(5)} s  ${text}`);
  }
}

function failed({ crowfly, roundRobin }: Run): string {
  return `${crowfly.tally.failures} through crowfly, ${roundRobin.tally.failures} by plain round robin`;
}
