import { CrowflyError } from '@crowfly/core';

const NEWLINE = 0x0a;

/** Takes a watch of the API server apart: one JSON object a line. On bytes: a chunk may end inside a character. */
export class LineReader {
  readonly #max: number;
  #rest: Buffer[] = [];
  #size = 0;

  /** @param max bytes of the longest line */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * @returns the lines that this chunk completes
   * @throws SyntaxError for one that is no JSON; CrowflyError `bad-data` for one that is too long
   */
  push(chunk: Buffer): unknown[] {
    const lines: unknown[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end));
      from = end + 1;
      const line = (this.#rest.length === 1 ? this.#rest[0] : Buffer.concat(this.#rest))?.toString('utf8');
      this.#rest = [];
      this.#size = 0;
      if (line !== undefined && line.trim() !== '') lines.push(JSON.parse(line));
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
    return lines;
  }

  /** Whether the stream ended inside a line. */
  get partial(): boolean {
    return this.#size > 0;
  }

  #keep(part: Buffer): void {
    this.#rest.push(part);
    this.#size += part.length;
    if (this.#size <= this.#max) return;
    throw new CrowflyError('bad-data', `one event of the watch has more than ${this.#max} bytes`);
  }
}
