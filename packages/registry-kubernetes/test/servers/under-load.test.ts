import { buildKubernetes, checkNamespace, inNamespace, required } from '@crowfly/servers';
import { expect } from 'chai';
import type { Tally } from './support/load.js';

const ADDRESSES = Array.from({ length: 12 }, (_, index) => `10.77.0.${index + 1}`);

type Outcome = Tally & { readonly posts: number; readonly doubled: number };

/** Callers never notice, POSTs are never executed twice, and in the end every pod has its share again. */
describe('calls to a Deployment, 200 a second, one in five a POST', function () {
  this.timeout(240_000);

  before(async function () {
    await required(this, async () => {
      await checkNamespace();
      await buildKubernetes();
    });
  });

  for (const [what, harmless] of [
    ['a rolling update replaces every pod', 'all calls'],
    ['a pod is killed without notice', 'idempotent calls'],
    ['the API server is down while pods die', 'idempotent calls'],
    ['a node vanishes', 'idempotent calls'],
  ] as const) {
    it(`none of ${harmless} fails while ${what}`, async () => {
      const outcome = await run(what);
      expect(outcome.failures.GET, outcome.reasons.join('\n')).to.equal(0);
      if (harmless === 'all calls') expect(outcome.failures.POST, outcome.reasons.join('\n')).to.equal(0);
      expect(outcome.doubled, 'POSTs executed twice').to.equal(0);
      expect(outcome.posts).to.be.greaterThan(100);
      expect(Object.keys(outcome.pods), 'pods that answer in the end').to.have.length(4);
    });
  }
});

async function run(what: string): Promise<Outcome> {
  const script = new URL('./support/cluster-under-load.ts', import.meta.url);
  const { code, stdout, stderr } = await inNamespace(script, { args: [what], addresses: ADDRESSES });
  expect(code, `${stdout}\n${stderr}`).to.equal(0);
  const outcome = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Outcome;
  const { calls, failures, slowestMs } = outcome;
  console.log(
    `        ${what}: ${calls} calls, failed: ${failures.GET} GET, ${failures.POST} POST; slowest GET ${slowestMs} ms`,
  );
  return outcome;
}
