import type { Report } from './report.js';
import { INSTANCES } from './stage.js';
import { count, type Line, table } from './table.js';

/** The whole run on one screen. */
export function summary(report: Report): Line[] {
  const { calls, callerFailures, roundRobinCallerFailures, phases, settings, callsPerSecond } = report;
  const columns = [
    { head: 'phase' },
    ...['failed', 'p50', 'p99 ms', '|  rr failed', 'p50', 'p99 ms', '|'].map(right),
    ...INSTANCES.map((name) => right(name.replace('orders-', '-'))),
  ];
  const rows = phases.map(({ name, failures, p50Ms, p99Ms, roundRobin, share }) => [
    name,
    count(failures),
    p50Ms.toFixed(0),
    p99Ms.toFixed(0),
    count(roundRobin.failures),
    roundRobin.p50Ms.toFixed(0),
    roundRobin.p99Ms.toFixed(0),
    '|',
    ...INSTANCES.map((instance) => percentOrDash(share[instance] ?? 0)),
  ]);
  const [head = '', ...texts] = table(columns, rows);
  return [
    { text: '' },
    {
      text: `through crowfly    ${verdict(calls, callerFailures)}`,
      tone: callerFailures === 0 ? 'good' : 'bad',
    },
    { text: `plain round robin  ${verdict(calls, roundRobinCallerFailures)}${reasons(report)}` },
    { text: '' },
    { text: head, tone: 'quiet' },
    ...texts.map((text) => ({ text })),
    { text: '' },
    ...[
      `Both: the same instances at the same time, ${callsPerSecond} calls/s each. A failure is a rejection, a status >= 500,`,
      "or no answer within 1 s. Latencies are of calls that did not fail; on the right, the share of crowfly's",
      'answers by instance, in %. Plain round robin (rr): the built-in fetch, each instance of the same file in',
      'turn (re-read on change, draining ones left out), no retry, no health.',
      `crowfly: its defaults, but timeouts.firstByteMs ${settings.timeouts.firstByteMs}, as callers here give up after 1 s.`,
    ].map((text): Line => ({ text, tone: 'quiet' })),
  ];
}

const right = (head: string) => ({ head, align: 'right' as const });

const percentOrDash = (share: number): string => (share === 0 ? '-' : (share * 100).toFixed(0));

function verdict(calls: number, failures: number): string {
  return `${count(failures)} of ${count(calls)} calls failed`;
}

function reasons({ reasons: { roundRobin } }: Report): string {
  const parts = Object.entries(roundRobin).map(([reason, times]) => `${count(times)} ${reason}`);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
