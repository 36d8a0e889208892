import type { Clock } from '../contract/clock.js';
import { describeError } from '../errors.js';
import { printable } from '../text.js';
import type { Explanation, InstanceExplanation } from './api.js';
import { instanceName, type MemberRecord } from './member.js';
import type { MemberPool } from './pool.js';
import type { Service } from './service.js';
import type { Topology } from './topology.js';
import { sayCause, sayProblems } from './trouble.js';

/**
 * Why each instance of a service is or is not being chosen right now, as data and as text.
 *
 * @param otherPorts see {@link Explanation}
 */
export function explainService(service: Service, otherPorts: readonly string[], clock: Clock): Explanation {
  const now = clock.now();
  const { pool, snapshot, about } = service;
  const { topology } = service;
  const { members } = service;
  const total = members.reduce((sum, member) => sum + member.picks, 0);
  const instances = members.map((member) => explainMember(member, pool, topology, now, total));
  return withText({
    ...about,
    strategy: pool.balancer.name ?? 'custom',
    status: snapshot.status,
    summary: summarise(service, now),
    instances,
    otherPorts,
  });
}

/** A service that cannot even be looked up. */
export function explainTrouble(service: string, error: unknown): Explanation {
  const registry = (error as { registry?: string }).registry ?? '';
  const summary = describeError(error);
  return withText({
    service,
    registry,
    strategy: '',
    status: 'unknown',
    summary,
    instances: [],
    otherPorts: [],
  });
}

function withText(facts: Omit<Explanation, 'toString'>): Explanation {
  return Object.defineProperty({ ...facts }, 'toString', { value: () => render(facts) }) as Explanation;
}

function summarise(service: Service, now: number): string {
  const { snapshot, about, pool } = service;
  switch (snapshot.status) {
    case 'pending':
      return `${about.registry} has not delivered a set yet`;
    case 'unknown':
      return `${about.registry} knows no such service: ${snapshot.reason}`;
    case 'failed':
      return `${about.registry} failed and never delivered a set: ${sayCause(snapshot.cause)}`;
    case 'stale': {
      const age = seconds(now - snapshot.since);
      return `${about.registry} has been failing for ${age} (${sayCause(snapshot.cause)}); its last good set stays in use${sayProblems(service.problems)}`;
    }
    case 'ready': {
      const mode = {
        normal: '',
        panic: '; PANIC: softly ejected instances are used too',
        'last-resort': '; LAST RESORT: every instance is ejected, so all are tried',
      };
      const near = sayTopology(service.topology);
      return `${about.registry} lists ${snapshot.endpoints.length}; ${pool.eligible.length} can be picked${mode[pool.mode]}${near}${sayProblems(service.problems)}`;
    }
  }
}

function sayTopology(topology: Topology | undefined): string {
  if (topology?.lost) return '; topology hints are not followed: nothing says where this process runs';
  if (topology?.here === undefined) return '';
  return `; those meant for ${topology.basis} ${printable(topology.here)} come first (topology hints)`;
}

function explainMember(
  member: MemberRecord,
  pool: MemberPool,
  topology: Topology | undefined,
  now: number,
  total: number,
): InstanceExplanation {
  const { state, why } = judge(member, pool, topology, now);
  return {
    endpoint: member.endpoint,
    state,
    why:
      member.heldUntil === undefined
        ? why
        : `${why}; vanished from the registry, kept for ${seconds(member.heldUntil - now)} more`,
    inFlight: member.inFlight,
    weight: member.weight,
    ...(member.measured ? { latencyMs: member.latencyMs(now) } : {}),
    picks: member.picks,
    share: total === 0 ? 0 : member.picks / total,
  };
}

function judge(
  member: MemberRecord,
  pool: MemberPool,
  topology: Topology | undefined,
  now: number,
): Pick<InstanceExplanation, 'state' | 'why'> {
  const eligible = pool.isEligible(member);
  const { ejection } = member;
  if (ejection !== undefined) {
    const next = {
      resting: `asked again in ${seconds(ejection.probeAt - now)}`,
      open: 'the next suitable call goes to it, to see whether it is back',
      probing: 'a call is finding out whether it is back',
    }[ejection.phase];
    const used = eligible ? `; picked all the same (${pool.mode})` : '';
    return {
      state: 'ejected',
      why: `ejected ${seconds(now - ejection.since)} ago: ${ejection.reason}; ${next}${used}`,
    };
  }
  if (member.pools.length === 0) return { state: 'unsuitable', why: 'speaks h2c, which no client does yet' };
  if (eligible && member.draining) return { state: 'draining', why: 'draining, and nothing else is left' };
  if (eligible) {
    const far = topology !== undefined && member.elsewhere;
    return {
      state: 'eligible',
      why: far ? `${meantFor(member, topology)}, and no other is left` : 'can be picked',
    };
  }
  if (member.draining)
    return { state: 'draining', why: 'draining: no new calls while another instance is left' };
  if (member.standby) return { state: 'standby', why: 'weight 0: only while no other instance is left' };
  // Of the priority in use: else that is what keeps it aside.
  if (topology !== undefined && member.elsewhere && member.tier === pool.tier + 1)
    return { state: 'standby', why: `${meantFor(member, topology)}: ${only(topology)}` };
  return {
    state: 'standby',
    why: `priority ${member.endpoint.priority ?? 0}: only while no instance of a lower number is left`,
  };
}

const only = ({ here = '' }: Topology): string =>
  `only while no instance meant for ${printable(here)} is left`;

/** `meant for zone eu-1b (topology hint)`. */
function meantFor({ endpoint }: MemberRecord, { basis = 'zone' }: Topology): string {
  const names = (basis === 'node' ? endpoint.hints?.nodes : endpoint.hints?.zones) ?? [];
  const more = names.length > 3 ? ` and ${names.length - 3} more` : '';
  const whom = names.length === 0 ? 'others' : `${basis} ${printable(names.slice(0, 3).join(', '))}${more}`;
  return `meant for ${whom} (topology hint)`;
}

const seconds = (ms: number): string => `${(Math.max(0, ms) / 1000).toFixed(1)} s`;

function render({
  service,
  strategy,
  summary,
  instances,
  otherPorts,
}: Omit<Explanation, 'toString'>): string {
  const head = `${service}${strategy === '' ? '' : ` (${strategy})`}: ${summary}`;
  const rows = instances.map((i) => [
    printable(instanceName(i.endpoint)),
    i.state,
    `${(i.share * 100).toFixed(1)} %`,
    `${i.inFlight} in flight`,
    i.latencyMs === undefined ? '-' : `${i.latencyMs.toFixed(1)} ms`,
    i.why,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  const others =
    otherPorts.length === 0 ? [] : [`in use beside it, each with a set of its own: ${otherPorts.join(', ')}`];
  return [head, ...lines, ...others].join('\n');
}
