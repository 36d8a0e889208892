import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** As `npm run demo` starts it: with the loader for TypeScript that runs this test. */
async function demo(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [...process.execArgv, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}

describe('the demo', function () {
  this.timeout(60_000);

  it('loses no call through crowfly, where plain round robin does, and prints one JSON object', async () => {
    const { code, stdout, stderr } = await demo('--json', '--seconds', '8');
    const report = JSON.parse(stdout);
    expect(report.callerFailures, `${stdout}\n${stderr}`).to.equal(0);
    expect(code).to.equal(0);
    expect(report.calls).to.be.greaterThan(0);
    expect(report.roundRobinCallerFailures).to.be.greaterThan(0);

    const names = report.phases.map(({ name }: { name: string }) => name);
    expect(names).to.deep.equal(['steady', 'kill', 'slow', 'failing', 'add+drain', 'recovered']);
    for (const phase of report.phases) {
      expect(phase).to.include.keys('name', 'calls', 'failures', 'p50Ms', 'p99Ms', 'share');
      expect(phase.p50Ms).to.be.within(0, phase.p99Ms);
      const shares = Object.values<number>(phase.share);
      expect(shares.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 0.01);
    }
    const calls = report.phases.reduce((sum: number, phase: { calls: number }) => sum + phase.calls, 0);
    expect(calls).to.equal(report.calls);
  });

  for (const args of [['--seconds', '7'], ['--seconds', 'x'], ['--seconds'], ['--speed', '9'], ['now']]) {
    it(`says in one line what is wrong with ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await demo(...args);
      expect(code).to.equal(2);
      expect(stdout).to.equal('');
      expect(stderr.trim().split('\n')).to.have.length(1);
      expect(stderr).to.match(/^demo: /);
    });
  }
});
