import { expect } from 'chai';
import { result } from '../src/lib/report.js';

describe('result', () => {
  it('passes when the goal is met, and when there is none', () => {
    expect(result('success', 99.5, '%', { goal: ['>=', 99.5] })).to.include({ goal: '>= 99.5', pass: true });
    expect(result('time', 3, 'x', { goal: ['<=', 2] }).pass).to.equal(false);
    expect(result('time', 3, 'x')).to.deep.equal({
      name: 'time',
      value: 3,
      unit: 'x',
      peers: {},
      pass: true,
    });
  });

  it('judges the value itself, not what is left of it in the report', () => {
    expect(result('success', 99.99499, '%', { goal: ['>=', 99.995] })).to.include({
      value: 99.99,
      pass: false,
    });
  });

  it('fails a figure that could not be measured', () => {
    expect(result('time', Number.NaN, 'x', { goal: ['<=', 2] }).pass).to.equal(false);
  });
});
