const CONTROL_ALL = /[\p{Cc}\u2028\u2029]/gu;
// Not /\p{Cc}/u, which means the same and costs three times as much.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** Control characters and line separators: never in a name, an address, or on a terminal. */
export function hasControl(text: string): boolean {
  return CONTROL.test(text);
}

/** Text from outside, safe for a message or a terminal: control characters escaped, at most `max` characters of it. */
export function printable(text: string, max = 100): string {
  const short = text.length > max ? `${text.slice(0, max)}…` : text;
  return short.replace(CONTROL_ALL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
