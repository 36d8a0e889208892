import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { failuresIn } from '../lib/failures.mjs';
import { runMocha } from '../lib/tests.mjs';

const TESTS = `
import assert from 'node:assert';
const lines = (count) => Array.from({ length: count }, (_, i) => 'line ' + i).join('\\n');
describe('a suite', () => {
  it('passes', () => console.log('said by a test'));
  it.skip('is left out', () => {});
  it('fails first', () => { throw new Error('first reason\\n' + lines(500)); });
  describe('within', () => {
    it('fails second', () => assert.deepStrictEqual({ a: 1 }, { a: 2 }));
  });
});
`;

describe('the end of a log', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'crowfly-failures-'));
    await writeFile(join(folder, 'some.test.mjs'), TESTS);
  });

  after(() => rm(folder, { recursive: true }));

  const run = (report: string): ReturnType<typeof runMocha> =>
    runMocha([join(folder, 'some.test.mjs')], [], { env: { CROWFLY_REPORT: report }, output: 'pipe' });

  for (const report of ['brief', 'full']) {
    it(`names each failed test, with the beginning of its error (${report} report)`, async function () {
      this.timeout(60_000);
      const { passed, failed, skipped, output } = await run(report);
      expect({ passed, failed, skipped }).to.deep.equal({
        passed: 1,
        failed: 2,
        skipped: ['a suite is left out'],
      });
      const told = failuresIn(output);
      expect(told).to.match(/^ {2}1\) a suite\n\s+fails first:\n\s+Error: first reason\n/);
      expect(told).to.match(/\n {2}2\) a suite\n\s+within\n\s+fails second:\n/);
      expect(told).to.include('line 9').and.not.include('line 100').and.not.include('said by a test');
      expect(told).to.match(/\(\d+ more lines\)/);
      expect(told.split('\n').length).to.be.below(50);
    });
  }

  it('has what was skipped before the failures, and not after them', async function () {
    this.timeout(60_000);
    const { output } = await run('full');
    expect(output.indexOf('skipped: a suite is left out')).to.be.within(0, output.indexOf('2 failing'));
  });

  it('keeps what a run says after its failures, however long the last one is', () => {
    const long = Array.from({ length: 300 }, (_, index) => `      at frame ${index}`);
    const output = ['  1 failing', '', '  1) a suite', '       breaks:', ...long, '', 'still open: X', ''];
    expect(failuresIn(output.join('\n')))
      .to.match(/^ {2}1\) a suite\n/)
      .and.match(/\nstill open: X$/);
  });

  it('says how many failures it left out', () => {
    const output = Array.from({ length: 25 }, (_, index) => `  ${index + 1}) a suite\n       breaks:\n`);
    const told = failuresIn(`  25 failing\n\n${output.join('\n')}`);
    expect(told).to.include('  10) a suite').and.not.include('  11) a suite');
    expect(told).to.match(/ {2}and 15 more$/);
  });

  it('is free of colours', () => {
    expect(failuresIn('\u001b[31m  1 failing\u001b[0m\n\n\u001b[31m  1) x\u001b[0m\n')).to.equal('  1) x');
  });

  it('is the end of a command that is no run of mocha', () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}`);
    expect(failuresIn(lines.join('\n')).split('\n')).to.deep.equal(lines.slice(60));
  });
});
