import { expect } from 'chai';
import { capture } from '../lib/process.mjs';
import { root } from '../lib/workspace.mjs';

describe('npm run demo', () => {
  it('loses no call through crowfly, where round robin does, and prints one JSON object', async () => {
    const args = ['run', '--silent', 'demo', '--', '--json', '--seconds', '12'];
    const { code, stdout, output } = await capture('npm', args, { cwd: root });
    expect(code, output).to.equal(0);
    const result = JSON.parse(stdout);
    console.log(`      ${stdout.trim().replaceAll('\n', '\n      ')}`);

    expect(result.callerFailures).to.equal(0);
    expect(result.roundRobinCallerFailures).to.be.greaterThan(0);
    expect(result.calls).to.be.greaterThan(0);
    expect(result.phases).to.be.an('array').that.is.not.empty;
    for (const phase of result.phases) {
      expect(phase).to.include.keys('name', 'calls', 'failures', 'p50Ms', 'p99Ms', 'share');
    }
    const shares = Object.values<number>(result.phases.at(-1).share);
    expect(shares.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 0.02);
  }).timeout(120_000);
});
