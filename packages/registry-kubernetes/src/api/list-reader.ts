const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** How far back the name of a list's field may stand. */
const NAME = 64;

/**
 * Takes a list of the API server apart while it arrives: `{ ..., "items": [ {...}, {...} ], ... }`. Each item is parsed
 * by itself, so that ten thousand endpoints are many short pieces of work and not one that stands in everyone's way.
 * Works on bytes: a chunk may end inside a character.
 */
export class ListReader {
  readonly #item: (raw: unknown) => void;
  /** What was not consumed yet: of an item that has begun, or of what surrounds the items. */
  #rest: Buffer = Buffer.alloc(0);
  /** Where in `#rest` to go on. */
  #at = 0;
  #depth = 0;
  #inString = false;
  /** Within `items`: where the current one began; -1 between two. */
  #start = -1;
  #inItems = false;
  /** The list without its items. */
  #around = '';

  /** @param item called with each item, as soon as it is complete */
  constructor(item: (raw: unknown) => void) {
    this.#item = item;
  }

  /** @throws SyntaxError for an item that is no JSON */
  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let consumed = 0;
    let at = this.#at;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (this.#inString) {
        at = this.#stringEnd(bytes, at);
        continue;
      }
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#inItems && this.#depth === 2 && this.#start < 0) this.#start = at;
        this.#depth++;
        if (byte === OPEN_BRACKET && this.#depth === 2 && !this.#inItems && namesItems(bytes, at)) {
          this.#around += bytes.toString('utf8', consumed, at + 1);
          consumed = at + 1;
          this.#inItems = true;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--;
        if (!this.#inItems) continue;
        if (this.#depth === 2 && this.#start >= 0) {
          this.#item(JSON.parse(bytes.toString('utf8', this.#start, at + 1)));
          this.#start = -1;
          consumed = at + 1;
        } else if (this.#depth === 1) {
          this.#inItems = false;
          consumed = at;
        }
      }
    }
    this.#rest = bytes.subarray(consumed);
    this.#at = bytes.length - consumed;
    if (this.#start >= 0) this.#start -= consumed;
  }

  /**
   * @returns the list without its items
   * @throws SyntaxError when what came is no JSON, or is not complete
   */
  end(): unknown {
    return JSON.parse(this.#around + this.#rest.toString('utf8'));
  }

  /** Where the string ends that `from` is in; the last byte when it goes on in the next chunk. */
  #stringEnd(bytes: Buffer, from: number): number {
    for (let end = bytes.indexOf(QUOTE, from); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
      let escapes = 0;
      while (bytes[end - 1 - escapes] === BACKSLASH) escapes++;
      if (escapes % 2 === 1) continue;
      this.#inString = false;
      return end;
    }
    return bytes.length - 1;
  }
}

/** Whether the bracket at `at` opens the list's `items`. */
function namesItems(bytes: Buffer, at: number): boolean {
  return /"items"\s*:\s*$/.test(bytes.toString('latin1', Math.max(0, at - NAME), at));
}
