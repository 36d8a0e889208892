import { expect } from 'chai';
import fc from 'fast-check';
import { cut, places } from '../../../http/test/support/chunks.ts';
import { LineReader } from '../../dist/api/line-reader.js';

describe('the line reader', () => {
  it('gives the same lines however the stream is cut', () => {
    const object = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' }));
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 10 }),
        fc.constantFrom('\n', '\r\n', '\n\n'),
        places,
        (objects, end, at) => {
          const reader = new LineReader(1_000_000);
          const text = objects.map((one) => JSON.stringify(one) + end).join('');
          const lines = cut(text, at).flatMap((chunk) => reader.push(chunk));
          expect(lines).to.deep.equal(JSON.parse(JSON.stringify(objects)));
          expect(reader.partial).to.equal(false);
        },
      ),
    );
  });

  it('tells that the stream ended inside a line', () => {
    const reader = new LineReader(100);
    expect(reader.push(Buffer.from('{"a":1}\n{"b"'))).to.deep.equal([{ a: 1 }]);
    expect(reader.partial).to.equal(true);
  });

  it('refuses a line that is no JSON, or too long', () => {
    expect(() => new LineReader(100).push(Buffer.from('<html>\n'))).to.throw(SyntaxError);
    const reader = new LineReader(100);
    expect(() => {
      for (let n = 0; n < 11; n++) reader.push(Buffer.from('x'.repeat(10)));
    }).to.throw(/more than 100 bytes/);
  });
});
