import { CrowflyError } from '@crowfly/core';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** How far back the name of a list's field may stand. */
const NAME = 64;
/** The room for what goes on in the next chunk grows to twice what is needed, from this size. */
const ROOM = 64 * 1024;

/** Where the items stand: under `items` of an object, as Kubernetes has them, or in a list that is the whole. */
export type ListShape = 'items' | 'list';

/**
 * Takes a list apart while it arrives: `{ ..., "items": [ {...}, {...} ], ... }`, or `[ {...}, {...} ]`. Each item is
 * parsed by itself, so that ten thousand endpoints are many short pieces of work and not one that stands in everyone's
 * way. Works on bytes: a chunk may end inside a character.
 */
export class ListReader {
  readonly #max: number;
  readonly #item: (raw: unknown) => void;
  /** What was not consumed yet: an item that has begun, or what surrounds the items. The start of `#room`. */
  #rest: Buffer = Buffer.alloc(0);
  #room: Buffer = Buffer.alloc(0);
  /** Where in `#rest` to go on. */
  #at = 0;
  /** How deep an item stands. */
  readonly #level: 1 | 2;
  #depth = 0;
  #inString = false;
  #inItems = false;
  #items = 0;
  /** The list with a `null` for each item, so that what stands between them is checked as well. */
  #around = '';

  /**
   * @param max bytes of the longest item, and of what surrounds them
   * @param item called with each item, as soon as it is complete; for nothing, if `end` throws
   */
  constructor(max: number, item: (raw: unknown) => void, shape: ListShape = 'items') {
    this.#level = shape === 'items' ? 2 : 1;
    this.#max = max;
    this.#item = item;
  }

  /** @throws SyntaxError for an item that is no JSON; CrowflyError `bad-data` for what is too long */
  push(chunk: Buffer): void {
    const bytes = this.#append(chunk);
    let consumed = 0;
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at];
      if (this.#inString) at = this.#stringEnd(bytes, at);
      else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#inItems && this.#depth === this.#level) {
          this.#around += `${bytes.toString('utf8', consumed, at)}null`;
          consumed = at;
        }
        this.#depth++;
        if (byte === OPEN_BRACKET && this.#depth === this.#level && this.#begins(bytes, at)) {
          this.#around += bytes.toString('utf8', consumed, at + 1);
          consumed = at + 1;
          this.#inItems = true;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--;
        if (!this.#inItems) continue;
        if (this.#depth === this.#level) {
          this.#item(JSON.parse(bytes.toString('utf8', consumed, at + 1)));
          this.#items++;
          consumed = at + 1;
        } else if (this.#depth === this.#level - 1) {
          this.#inItems = false;
        }
      }
    }
    this.#keep(bytes, consumed);
  }

  /**
   * @returns the object around the list, with no items in it
   * @throws SyntaxError when what came is no JSON, no list, or not complete
   */
  end(): unknown {
    const whole: unknown = JSON.parse(this.#around + this.#rest.toString('utf8'));
    const list = (this.#level === 1 ? { items: whole } : whole) as { items?: unknown } | null;
    const items = list?.items === null ? [] : list?.items;
    // Whatever was not taken for an item must not be lost in silence.
    if (!Array.isArray(items) || items.length !== this.#items || items.some((one) => one !== null))
      throw new SyntaxError('no list of objects');
    return { ...list, items: [] };
  }

  /** Whether the bracket at `at` opens the list of the items. */
  #begins(bytes: Buffer, at: number): boolean {
    // A list that is the whole has nothing before it; what else there is, `end` finds wrong.
    return this.#level === 1 ? this.#items === 0 && !this.#inItems : namesItems(bytes, at);
  }

  /** What is left, and the chunk. Copied as rarely as the room must grow. */
  #append(chunk: Buffer): Buffer {
    const kept = this.#rest.length;
    if (kept === 0) return chunk;
    const size = kept + chunk.length;
    if (size > this.#room.length) {
      this.#room = Buffer.allocUnsafe(Math.max(ROOM, 2 * size));
      this.#rest.copy(this.#room);
    }
    chunk.copy(this.#room, kept);
    return this.#room.subarray(0, size);
  }

  #keep(bytes: Buffer, from: number): void {
    const size = bytes.length - from;
    if (size > this.#max || this.#around.length > this.#max)
      throw new CrowflyError('bad-data', `one object of the list has more than ${this.#max} bytes`);
    // A chunk is somebody else's; within the room, what is left moves to its start.
    if (size > this.#room.length) this.#room = Buffer.allocUnsafe(Math.max(ROOM, 2 * size));
    if (from > 0 || bytes.buffer !== this.#room.buffer) bytes.copy(this.#room, 0, from);
    this.#rest = this.#room.subarray(0, size);
    this.#at = size;
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
  return /(?<!\\)"items"\s*:\s*$/.test(bytes.toString('latin1', Math.max(0, at - NAME), at));
}
