import { CrowflyError, describeError, isCrowflyError } from '@crowfly/core';
import { expect } from 'chai';

describe('CrowflyError', () => {
  it('carries its code, its facts and its cause', () => {
    const cause = new Error('inner');
    const error = new CrowflyError('call-failed', 'what happened', { cause, service: 'orders', attempts: 2 });
    expect(error)
      .to.be.instanceOf(Error)
      .and.include({ code: 'call-failed', service: 'orders', attempts: 2 });
    expect(error.name).to.equal('CrowflyError');
    expect(error.cause).to.equal(cause);
    expect(Object.keys(error)).to.include.members(['code', 'service', 'attempts']);
    expect('cause' in new CrowflyError('closed', 'x')).to.equal(false);
  });

  it('is recognised from any copy of the package, with its code', () => {
    const error = new CrowflyError('closed', 'x');
    expect(isCrowflyError(error)).to.equal(true);
    expect(isCrowflyError(error, 'closed')).to.equal(true);
    expect(isCrowflyError(error, 'timeout')).to.equal(false);
    expect(
      isCrowflyError(Object.assign(new Error('x'), { name: 'CrowflyError', code: 'closed' }), 'closed'),
    ).to.equal(true);
  });
});

describe('describeError', () => {
  it('is one line about anything thrown, with its cause when that says more', () => {
    const rows: readonly [unknown, string][] = [
      [new Error('plain'), 'plain'],
      [
        new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }),
        'fetch failed: connect ECONNREFUSED',
      ],
      [new Error('failed: inner', { cause: new Error('inner') }), 'failed: inner'],
      [Object.assign(new Error(''), { code: 'ECONNRESET' }), 'ECONNRESET'],
      [new Error('outer', { cause: Object.assign(new Error(''), { code: 'EPIPE' }) }), 'outer: EPIPE'],
      [new Error('outer', { cause: new RangeError('') }), 'outer: RangeError'],
      [new Error(''), 'Error'],
      [new Error('x', { cause: 'a string' }), 'x'],
      ['a string', 'a string'],
      [undefined, 'a thrown undefined'],
      [{ password: 's3cr3t' }, 'a thrown object'],
      [42, 'a thrown number'],
      [new Error('two\nlines'), 'two\\u000alines'],
    ];
    for (const [thrown, text] of rows) expect(describeError(thrown)).to.equal(text);
    expect(describeError(new Error('x'.repeat(10_000))).length).to.be.at.most(501);
  });

  it('says something about an aggregate of errors, as connecting to several addresses throws', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:80'), { code: 'ECONNREFUSED' });
    const error = Object.assign(new AggregateError([refused], ''), { code: 'ECONNREFUSED' });
    expect(describeError(error)).to.include('ECONNREFUSED');
  });
});
