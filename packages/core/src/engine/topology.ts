import type { Endpoint } from '../contract/endpoint.js';
import type { Problem, Self } from '../contract/registry.js';
import type { MemberRecord } from './member.js';

/** By what the instances meant for this process are told from the others. */
export type Basis = 'node' | 'zone';

/** Told once, when hints cannot be followed: calls then cross zones, and cost, unnoticed. */
export const NO_TOPOLOGY: Problem = {
  code: 'no-topology',
  detail:
    "every instance has topology hints, and nothing says where this process runs: set self: { zone } (and node), or CROWFLY_SELF_ZONE (and CROWFLY_SELF_NODE) in the environment, to keep calls near; or topology: 'ignore'",
};

const NOBODY: readonly MemberRecord[] = [];

/**
 * Topology hints, as kube-proxy reads them: all or nothing over the ready instances. If every one is meant for some
 * nodes and one of them for ours, those for our node come first; else the same with zones; else hints mean nothing. So
 * hints that are being rolled out, or that forget us, never leave a caller with a part of the instances.
 *
 * Unlike there, those meant for others are not left out: they are used when none of ours is left.
 */
export class Topology {
  readonly #self: Self;
  /** By what is decided now; `undefined`: hints are ignored. */
  basis: Basis | undefined;
  /** Every ready instance has hints, and it is not known where this process runs. */
  lost = false;

  /** @param self without zone and node, hints can only be ignored */
  constructor(self: Self) {
    this.#self = self;
  }

  /** Our node or zone, by which is decided now. */
  get here(): string | undefined {
    return this.basis === undefined ? undefined : this.#self[this.basis];
  }

  /**
   * Decides anew after a change. O(N), and O(changes) where the first instance has no hints.
   *
   * @param news those that joined or changed
   * @returns those that now have another tier, `news` aside
   */
  review(
    members: readonly MemberRecord[],
    news: readonly (readonly MemberRecord[])[],
  ): readonly MemberRecord[] {
    const before = this.basis;
    this.#decide(members);
    if (this.basis === undefined && before === undefined) return NOBODY;
    for (const list of news) for (const member of list) member.rank(this.#isElsewhere(member.endpoint));
    if (this.basis === before) return NOBODY;
    const moved: MemberRecord[] = [];
    for (const member of members) if (member.rank(this.#isElsewhere(member.endpoint))) moved.push(member);
    return moved;
  }

  #decide(members: readonly MemberRecord[]): void {
    const { node, zone } = this.#self;
    let [everyNode, everyZone, ourNode, ourZone, any] = [true, true, false, false, false];
    for (const { endpoint, draining } of members) {
      if (draining) continue;
      any = true;
      const { nodes = [], zones = [] } = endpoint.hints ?? {};
      everyNode &&= nodes.length > 0;
      everyZone &&= zones.length > 0;
      if (!everyNode && !everyZone) break;
      ourNode ||= node !== undefined && nodes.includes(node);
      ourZone ||= zone !== undefined && zones.includes(zone);
    }
    this.basis = everyNode && ourNode ? 'node' : everyZone && ourZone ? 'zone' : undefined;
    this.lost = any && (everyNode || everyZone) && node === undefined && zone === undefined;
  }

  #isElsewhere({ hints }: Endpoint): boolean {
    const { node = '', zone = '' } = this.#self;
    if (this.basis === 'node') return hints?.nodes?.includes(node) !== true;
    return this.basis === 'zone' && hints?.zones?.includes(zone) !== true;
  }
}
