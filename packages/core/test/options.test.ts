import { check, checkOptions, kindOf, suggest } from '@crowfly/core';
import { expect } from 'chai';

describe('options', () => {
  it('are described by their kind, never by their value', () => {
    class Pool {}
    const rows: readonly [unknown, string][] = [
      [undefined, 'undefined'],
      [null, 'null'],
      ['s3cr3t', 'a string'],
      ['', 'an empty string'],
      [5, 'the number 5'],
      [Number.NaN, 'NaN'],
      [true, 'a boolean'],
      [[], 'a list'],
      [{}, 'an object'],
      [Object.create(null), 'an object'],
      [{ constructor: { name: 's3cr3t' } }, 'an object'],
      [new Map(), 'a Map'],
      [new Pool(), 'a Pool'],
      [new (class {})(), 'a nameless object'],
      [() => {}, 'a function'],
      [Symbol('x'), 'a symbol'],
      [1n, 'a bigint'],
    ];
    for (const [value, kind] of rows) expect(kindOf(value)).to.equal(kind);
  });

  it('are checked by path, with the message of what is expected', () => {
    const shape = {
      url: check.either('a URL or a list of them', check.string, check.list(check.string)),
      level: check.oneOf('low', 'high', false),
      share: check.number(0, 1),
      count: check.integer(1),
      waitMs: check.ms(),
      table: check.table(check.object({ on: check.boolean })),
      run: check.function,
    };
    checkOptions(
      'x',
      { url: ['a'], level: false, share: 0.5, count: 3, waitMs: 0.5, table: { a: { on: true } } },
      shape,
    );
    checkOptions('x', { url: undefined, table: { a: undefined } }, shape);
    const rows: readonly [object, string][] = [
      [{ url: [1] }, 'x.url: expected a URL or a list of them, got a list'],
      [{ level: 'mid' }, "x.level: expected 'low' or 'high' or false, got a string"],
      [{ share: 2 }, 'x.share: expected a number from 0 to 1, got the number 2'],
      [{ count: 0 }, 'x.count: expected a whole number of at least 1, got the number 0'],
      [{ waitMs: -1 }, 'x.waitMs: expected milliseconds, a number from 0 to 2147483647, got the number -1'],
      [{ table: { a: { on: 1 } } }, 'x.table.a.on: expected true or false, got the number 1'],
      [{ table: { a: { onn: 1 } } }, "x.table.a.onn: there is no such option; did you mean 'on'?"],
      [{ run: {} }, 'x.run: expected a function, got an object'],
    ];
    for (const [options, message] of rows) expect(() => checkOptions('x', options, shape)).to.throw(message);
  });

  it('are suggested when they are misspelt, or else listed', () => {
    const known = ['timeouts', 'retry', 'guard'];
    expect(suggest('timeout', known)).to.equal("did you mean 'timeouts'?");
    expect(suggest('Retry', known)).to.equal("did you mean 'retry'?");
    expect(suggest('gaurd', known)).to.equal("there are 'timeouts', 'retry', 'guard'");
    expect(suggest('x', [])).to.equal('there are none');
  });
});
