import { SyntaxFault } from './syntax-fault.js';
import type { Wanted } from './wanted.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/**
 * Checks what `JSON.parse` cannot say: where the text goes wrong (its messages differ between versions of Node, and quote
 * the text), and whether an object has a key twice, which would silently lose the first one. Finds places on the way.
 *
 * @throws SyntaxFault
 */
export function scanJson(text: string, maxDepth: number, wanted?: Wanted): void {
  const scanner = new JsonScanner(text, maxDepth);
  scanner.value(maxDepth, wanted);
  scanner.end();
}

class JsonScanner {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  /** @param place what stands here, when that is wanted, and its key's offset, when it has one */
  value(depth: number, wanted: Wanted | undefined, keyOffset?: number): void {
    const first = this.#peek();
    if (wanted !== undefined) wanted.offset = keyOffset ?? this.#at;
    if (first === QUOTE) this.#string();
    else if (first !== OPEN_LIST && first !== OPEN_OBJECT) this.#literal();
    else if (depth === 0) throw new SyntaxFault(this.#at, `nested deeper than ${this.#maxDepth} levels`);
    else if (first === OPEN_LIST) this.#list(depth - 1, wanted);
    else this.#object(depth - 1, wanted);
  }

  end(): void {
    this.#peek();
    if (this.#at < this.#text.length) this.#fail('the end of the text');
  }

  #list(depth: number, wanted: Wanted | undefined): void {
    this.#at++;
    if (this.#skip(CLOSE_LIST)) return;
    let index = 0;
    do this.value(depth, wanted?.part(index++));
    while (this.#skip(COMMA));
    if (!this.#skip(CLOSE_LIST)) this.#fail("',' or ']'");
  }

  #object(depth: number, wanted: Wanted | undefined): void {
    this.#at++;
    if (this.#skip(CLOSE_OBJECT)) return;
    const keys = new Set<string>();
    do {
      if (this.#peek() !== QUOTE) this.#fail('a key in double quotes');
      const offset = this.#at;
      const key = this.#string();
      if (keys.has(key)) throw new SyntaxFault(offset, 'this key stands here a second time');
      keys.add(key);
      if (!this.#skip(COLON)) this.#fail("':' after a key");
      this.value(depth, wanted?.part(key), offset);
    } while (this.#skip(COMMA));
    if (!this.#skip(CLOSE_OBJECT)) this.#fail("',' or '}'");
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let at = start + 1;
    let escaped = false;
    for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
      // Not >= 0x20 also at the end of the text, where the code is NaN.
      if (!(code >= 0x20))
        this.#failAt(at, 'a closing double quote (a line break in a string is written \\n)');
      if (code !== BACKSLASH) {
        at++;
        continue;
      }
      escaped = true;
      ESCAPE.lastIndex = at;
      if (!ESCAPE.test(text)) this.#failAt(at, 'a correct escape after a backslash');
      at = ESCAPE.lastIndex;
    }
    this.#at = at + 1;
    return escaped ? String(JSON.parse(text.slice(start, this.#at))) : text.slice(start + 1, at);
  }

  #literal(): void {
    LITERAL.lastIndex = this.#at;
    if (!LITERAL.test(this.#text)) this.#fail('a value');
    this.#at = LITERAL.lastIndex;
  }

  /** The next code that is no white space; NaN at the end. */
  #peek(): number {
    let code = this.#text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
      code = this.#text.charCodeAt(++this.#at);
    return code;
  }

  #skip(code: number): boolean {
    if (this.#peek() !== code) return false;
    this.#at++;
    return true;
  }

  #fail(expected: string): never {
    return this.#failAt(this.#at, expected);
  }

  #failAt(at: number, expected: string): never {
    throw new SyntaxFault(
      at,
      at >= this.#text.length ? `the text ends where ${expected} should be` : `expected ${expected}`,
    );
  }
}
