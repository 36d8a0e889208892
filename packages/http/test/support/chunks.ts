import fc from 'fast-check';

/** The text as bytes, cut at any places, also inside a character. */
export function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  return [...ends, bytes.length].map((end) => {
    const piece = bytes.subarray(from, end);
    from = end;
    // A copy, as a socket's buffer may be used again.
    return Buffer.from(piece);
  });
}

export const places = fc.array(fc.nat(), { maxLength: 30 });
