import type { Report } from './report.js';
import { INSTANCES } from './stage.js';
import { count, type Line, table } from './table.js';

/** The whole run on one screen of 80 columns. */
export function summary(report: Report): Line[] {
  const { calls, callerFailures, roundRobinCallerFailures, callsPerSecond } = report;
  const { timeouts, ejection } = report.settings;
  const [head = '', ...rows] = phases(report);
  const notes = [
    `Both sides (rr: plain round robin) called the same instances at the same time,`,
    `${callsPerSecond} times per second each. A failure is a rejection, a status >= 500, or no`,
    'answer within 1 s; p50 and p99, in ms, are of calls that did not fail. On the',
    "right: the part of crowfly's answers that came from each instance, in %.",
    'Plain round robin is the built-in fetch to each instance of the same file in',
    'turn (read again when it changes, what drains left out): no retry, no health.',
    `crowfly: its defaults but timeouts.firstByteMs ${timeouts.firstByteMs}, ejection.probeMaxMs ${ejection.probeMaxMs}.`,
  ];
  return [
    {
      text: `through crowfly    ${count(callerFailures)} of ${count(calls)} calls failed`,
      tone: callerFailures === 0 ? 'good' : 'bad',
    },
    ...reasons(report.reasons.crowfly),
    { text: `plain round robin  ${count(roundRobinCallerFailures)} of ${count(calls)} calls failed` },
    ...reasons(report.reasons.roundRobin),
    { text: '' },
    { text: head, tone: 'quiet' },
    ...rows.map((text) => ({ text })),
    { text: '' },
    ...notes.map((text): Line => ({ text, tone: 'quiet' })),
  ];
}

function phases({ phases }: Report): string[] {
  const heads = ['failed', 'p50', 'p99', 'rr failed', 'p50', 'p99', ...INSTANCES];
  const columns = [
    { head: 'phase' },
    ...heads.map((head) => ({ head: head.replace('orders', ''), align: 'right' as const })),
  ];
  const rows = phases.map(({ name, failures, p50Ms, p99Ms, roundRobin, share }) => [
    name,
    count(failures),
    p50Ms.toFixed(0),
    p99Ms.toFixed(0),
    count(roundRobin.failures),
    roundRobin.p50Ms.toFixed(0),
    roundRobin.p99Ms.toFixed(0),
    ...INSTANCES.map((instance) => percentOrDash(share[instance] ?? 0)),
  ]);
  return table(columns, rows);
}

const percentOrDash = (share: number): string => (share === 0 ? '-' : (share * 100).toFixed(0));

/** A line such as `28 ECONNREFUSED, 26 status 503`, or none. */
function reasons(counts: Readonly<Record<string, number>>): Line[] {
  const parts = Object.entries(counts).map(([reason, times]) => `${count(times)} ${reason}`);
  return parts.length === 0 ? [] : [{ text: `                   ${parts.join(', ')}` }];
}
