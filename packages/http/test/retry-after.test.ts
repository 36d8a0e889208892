import { parseRetryAfter } from '@crowfly/http';
import { expect } from 'chai';
import fc from 'fast-check';

/** What a server may ask for at the most. */
const MAX_RETRY_AFTER_MS = 300_000;

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');

  for (const [value, expected] of [
    ['0', 0],
    ['1', 1000],
    [' 120 ', 120_000],
    ['300', 300_000],
    ['301', MAX_RETRY_AFTER_MS],
    ['99999999999999999999', MAX_RETRY_AFTER_MS],
    ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
    ['Sunday, 01-Mar-26 12:00:30 GMT', 30_000],
    ['Sun Mar  1 12:00:30 2026', 30_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['Sun, 01 Mar 2027 12:00:00 GMT', MAX_RETRY_AFTER_MS],
    ['', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['2026-03-01T12:00:30Z', undefined],
    ['Sun, 99 Foo 2026 12:00:30 GMT', undefined],
    [undefined, undefined],
    [null, undefined],
  ] as const) {
    it(`${JSON.stringify(value)} is ${expected === undefined ? 'no answer' : `${expected} ms`}`, () => {
      expect(parseRetryAfter(value, now)).to.equal(expected);
    });
  }

  it('whatever a server sends, the wait is between 0 and the maximum, or none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.date().map(String), fc.nat().map(String)), (value) => {
        const ms = parseRetryAfter(value, now);
        expect(ms === undefined || (ms >= 0 && ms <= MAX_RETRY_AFTER_MS)).to.equal(true);
      }),
    );
  });
});
