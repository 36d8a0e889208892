/** The first thing in a text that is not JSON, or not meant. */
export class SyntaxFault extends Error {
  /** In UTF-16 units from the start. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const STRING = /"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"/y;
const LITERAL = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/**
 * Checks what `JSON.parse` cannot say: where the text goes wrong (its messages differ between versions of Node, and quote
 * the text), and whether an object has a key twice, which would silently lose the first one.
 *
 * @throws SyntaxFault
 */
export function checkJson(text: string, maxDepth: number): void {
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found;
  };
  const fail = (expected: string): never => {
    throw new SyntaxFault(
      at,
      at >= text.length ? `the text ends where ${expected} should be` : `expected ${expected}`,
    );
  };
  const next = (character: string): boolean => {
    match(SPACE);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  const key = (keys: Set<string>): void => {
    match(SPACE);
    const start = at;
    const found = match(STRING) ?? fail('a key in double quotes');
    const name = found[0].includes('\\') ? String(JSON.parse(found[0])) : (found[1] ?? '');
    if (keys.has(name)) throw new SyntaxFault(start, 'this key stands here a second time');
    keys.add(name);
    if (!next(':')) fail("':' after a key");
  };
  const value = (depth: number): void => {
    match(SPACE);
    const first = text[at];
    if (first !== '{' && first !== '[') {
      if (match(first === '"' ? STRING : LITERAL) === null)
        fail(first === '"' ? 'a correct string' : 'a value');
      return;
    }
    if (depth === 0) throw new SyntaxFault(at, `nested deeper than ${maxDepth} levels`);
    at++;
    const [end, keys] = first === '{' ? ['}', new Set<string>()] : [']', undefined];
    if (next(end)) return;
    do {
      if (keys !== undefined) key(keys);
      value(depth - 1);
    } while (next(','));
    if (!next(end)) fail(`',' or '${end}'`);
  };
  value(maxDepth);
  match(SPACE);
  if (at < text.length) fail('the end of the text');
}
