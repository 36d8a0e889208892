// mocha's spec reporter; with CROWFLY_REPORT=brief it tells only the failures. It leaves the counts in the
// file that CROWFLY_COUNTS names, and does not let a run hang when something is still open at its end.
const { appendFileSync } = require('node:fs');
const { Base, Spec } = require('mocha').reporters;

const GRACE_MS = 10_000;
const brief = process.env.CROWFLY_REPORT === 'brief';

module.exports = class Reporter extends (brief ? Base : Spec) {
  /** @param {import('mocha').Runner} runner @param {import('mocha').MochaOptions} options */
  constructor(runner, options) {
    /** @type {string[]} */
    const skipped = [];
    runner.on('pending', (test) => skipped.push(test.fullTitle()));
    // Before mocha's own listener, which tells the failures: they come last, where a log that is cut still has them.
    runner.once('end', () => {
      if (!brief) for (const title of skipped) console.log(`skipped: ${title}`);
    });
    super(runner, options);
    runner.once('end', () => {
      if (brief && this.stats.failures > 0) this.epilogue();
      record({ passed: this.stats.passes, failed: this.stats.failures, skipped });
      setTimeout(failOpenRun, GRACE_MS).unref();
    });
  }
};

function failOpenRun() {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  console.error(`All tests have ended, but ${GRACE_MS / 1000} s later something is still open: ${open}.`);
  record({ passed: 0, failed: 1, skipped: [] });
  process.exit(1);
}

/** @param {{ passed: number, failed: number, skipped: string[] }} counts */
function record(counts) {
  if (process.env.CROWFLY_COUNTS) appendFileSync(process.env.CROWFLY_COUNTS, `${JSON.stringify(counts)}\n`);
}
