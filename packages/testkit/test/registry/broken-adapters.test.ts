import { RULES, type Rule } from '@crowfly/testkit';
import { expect } from 'chai';
import type { Fault } from './support/adapter.js';
import { harness } from './support/harness.js';
import { conform, QUICK } from './support/run.js';

/** Each fault, the rule that it breaks, and a part of the message that tells the author which. */
const CASES: readonly [Fault, Rule, RegExp][] = [
  ['first set in parts', 1, /the first set was not the whole: 1 of 50 instances/],
  ['changes in parts', 1, /a set in between was neither the old nor the new one/],
  ['mutates what it published', 1, /a set was changed after it had been published/],
  ['unknown as empty', 2, /unknown\(\) did not come .*an? set|the last set had 0 instances/],
  ['swallows unknown', 2, /unknown\(\) did not come .*the adapter said nothing/],
  ['swallows empty', 2, /an empty set did not come/],
  ['empty on error', 2, /a set of 0 instances was published because the backend failed/],
  ['swallows errors', 2, /the watch did not reject/],
  ['throws undefined', 2, /rejected with undefined/],
  ['throws a TypeError', 2, /a TypeError \(Cannot read .*mistake in the adapter's code/],
  ['returns on error', 2, /returned as if nothing had happened/],
  ['publishes every poll', 3, /the same set of \d+ instances was published twice in a row/],
  ['order of the backend', 3, /in another order|in different orders/],
  ['ids by position', 3, /another id/],
  ['ids at random', 3, /another id/],
  ['same id twice', 3, /two entries of one set have the id '10\.20\.0'/],
  ['ignores the port', 3, /have the id '10\.20\.0\.1'/],
  ['ignores weights', 3, /missing \[10\.20\.0\.1:8080 zone zone-c weight 7/],
  ['loses the last change', 4, /did not come/],
  ['empty during resync', 5, /a set of 0 instances that never was a state of the service/],
  ['sticks to the gap', 5, /did not come/],
  ['dies of one bad entry', 6, /the watch rejected with "entry 3 is no instance"/],
  ['silent about bad entries', 6, /a report of the bad entry did not come/],
  ['unreadable as empty', 6, /for an answer that could not be read|did not reject/],
  ['unreadable as TypeError', 6, /rejected with a TypeError/],
  ['ignores abort', 7, /had not settled 200 ms after its signal aborted/],
  ['speaks after abort', 7, /publish\(\) was called after the signal had aborted/],
  ['asks after abort', 7, /1 requests were made after the abort/],
  ['leaks a timer of the clock', 7, /2 timers of the injected clock/],
  ['leaks an interval', 7, /1 Timeout/],
  ['no watchdog', 8, /of silence the watch had neither rejected nor asked again/],
  ['remembers credentials', 9, /the set of 2 instances did not come/],
  ['denial as outage', 9, /does not say so: "the server does not work"/],
  ['no pause', 10, /requests in the storm 'answers at once', with the injected clock standing still/],
  ['short pause', 10, /requests in 10 s in the storm 'answers at once' \(at most \d+\)/],
  ['retries by itself', 10, /requests in 10 s in the storm 'fail'/],
  ['pollutes prototypes', 11, /Object\.prototype was changed/],
  ['dies of hostile hosts', 11, /rejected with a TypeError \(Invalid URL\)/],
  ['locate throws', 'locate', /threw Error: bad name/],
  ['locate is impure', 'locate', /the second answer differed/],
  ['spellings differ', 'locate', /another spelling of the same service/],
  ['key is no name', 'locate', /although that is a key it gave/],
  ['secret in id', 'id', /the id contains a secret/],
  ['secret in errors', 'id', /an error contains a secret/],
  ['id per process', 'id', /different ids/],
  ['one state for all', 'isolation', /the watch returned while/],
  ['close fails twice', 'close', /close\(\) failed: already closed/],
];

describe('registryConformance on broken adapters', function () {
  this.timeout(30_000);

  for (const [fault, rule, message] of CASES) {
    const name = typeof rule === 'number' ? `rule ${rule}` : rule;
    it(`${name} catches: ${fault}`, async () => {
      const only = fault === 'secret in errors' ? /rule 2 / : new RegExp(`registry conformance ${name} `);
      const { failed } = await conform({ name: 'broken', ...QUICK, setup: () => harness(fault) }, only);
      const messages = failed.map((failure) => failure.message);
      expect(
        messages.filter((text) => message.test(text) && text.startsWith(`${name} (${RULES[rule]}): `)),
      ).to.not.deep.equal([], messages.join('\n') || 'nothing failed');
      for (const text of messages)
        expect(text).to.match(/^(rule \d+|locate|id|isolation|close) \(.* \[seed 1\]$/s);
    });
  }
});
