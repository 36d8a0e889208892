import { printable } from '@crowfly/core';
import { expect } from 'chai';
import fc from 'fast-check';

describe('text from outside', () => {
  it('is shown in one line, without control characters, and not at any length', () => {
    expect(printable('plain text, ünïcode')).to.equal('plain text, ünïcode');
    expect(printable('a\nb\u001b[2Jc\u0000\u0085\u2028')).to.equal(
      'a\\u000ab\\u001b[2Jc\\u0000\\u0085\\u2028',
    );
    expect(printable('x'.repeat(1_000_000))).to.equal(`${'x'.repeat(100)}…`);
    expect(printable('x'.repeat(1_000), 10)).to.equal(`${'x'.repeat(10)}…`);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(printable(text)).not.to.match(/[\p{Cc}\u2028\u2029]/u);
      }),
    );
  });
});
