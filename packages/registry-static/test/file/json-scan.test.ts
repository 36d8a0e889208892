import { expect } from 'chai';
import fc from 'fast-check';
import { scanJson } from '../../dist/file/json-scan.js';
import { Lines } from '../../dist/file/lines.js';
import { SyntaxFault } from '../../dist/file/syntax-fault.js';
import { Wanted } from '../../dist/file/wanted.js';

/** Whether the scan accepts a text; what it refuses although it is JSON must have a key twice. */
function accepts(text: string): boolean {
  try {
    scanJson(text, 1000);
    return true;
  } catch (error) {
    if (error instanceof SyntaxFault) return false;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the scan of JSON', function () {
  this.timeout(60_000);

  it('accepts all JSON, however it is spaced', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 4, '\t', '\r\n'.trim()), (value, space) => {
        expect(accepts(JSON.stringify(value, null, space))).to.equal(true);
      }),
    );
  });

  it('agrees with JSON.parse on texts that are nearly JSON', () => {
    const parts = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"\\u00e9"',
      '"',
      '\\',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
      'nul',
      'null',
      ' ',
      '\n',
      '\u0001',
      '\u00a0',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (chosen) => {
        const text = chosen.join('');
        if (!isJson(text)) expect(accepts(text)).to.equal(false);
        else if (!accepts(text)) expect(() => scanJson(text, 1000)).to.throw('a second time');
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 1 }), (json, at, other) => {
        const cut = at % json.length;
        const text = json.slice(0, cut) + other + json.slice(cut + 1);
        if (!isJson(text)) expect(accepts(text)).to.equal(false);
      }),
      { numRuns: 500 },
    );
  });

  it('finds what is wanted, and for what is not there the nearest that is', () => {
    const text = '{\n  "a": [1, {"b": "x"}],\n  "\\u0063": 2\n}';
    const wanted = new Wanted();
    const paths = [[], ['a'], ['a', 0], ['a', 1, 'b'], ['a', 1, 'z'], ['c'], ['nope', 3]];
    for (const path of paths) wanted.add(path);
    scanJson(text, 10, wanted);
    const lines = new Lines(text);
    expect(paths.map((path) => lines.at(wanted.find(path)))).to.deep.equal([
      '1:1',
      '2:3',
      '2:9',
      '2:13',
      '2:12',
      '3:3',
      '1:1',
    ]);
  });
});
