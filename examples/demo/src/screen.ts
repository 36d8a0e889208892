import type { WriteStream } from 'node:tty';
import { type Line, render } from './table.js';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_BELOW = '\x1b[J';
const CLEAR_ALL = '\x1b[H\x1b[J';

/** The part of a terminal that is drawn again and again, in place. */
export class Screen {
  readonly #out: WriteStream;
  readonly #colors: boolean;
  #height = 0;
  #closed = false;
  readonly #resized = (): void => {
    // Lines that no longer fit have wrapped: nobody knows how many there are now.
    this.#out.write(CLEAR_ALL);
    this.#height = 0;
  };

  readonly #close = (): void => this.close();

  constructor(out: WriteStream) {
    this.#out = out;
    this.#colors = out.hasColors();
    out.write(HIDE_CURSOR);
    out.on('resize', this.#resized);
    // Whatever ends the process, the terminal gets its cursor back.
    process.once('exit', this.#close);
  }

  /** After `close` nothing is drawn. */
  draw(lines: readonly Line[]): void {
    if (this.#closed) return;
    const { columns, rows } = this.#out;
    // One row stays free, as the cursor waits below the last line.
    const fitting = lines.slice(0, Math.max(1, rows - 1));
    const text = fitting.map((line) => `${render(line, columns, this.#colors)}\x1b[K\n`).join('');
    this.#out.write(`${this.#up()}${text}${CLEAR_BELOW}`);
    this.#height = fitting.length;
  }

  /** Removes what was drawn, and gives the cursor back. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#out.off('resize', this.#resized);
    process.off('exit', this.#close);
    this.#out.write(`${this.#up()}${CLEAR_BELOW}${SHOW_CURSOR}`);
  }

  #up(): string {
    return this.#height === 0 ? '' : `\x1b[${this.#height}A\r`;
  }
}
