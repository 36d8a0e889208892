import type { Clock } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { GuardOptions } from './api.js';
import type { Entry } from './endpoint-gate.js';
import { toHold } from './guard.js';
import { MemberRecord } from './member.js';
import type { PoolChange } from './pool.js';
import { sameEndpoint } from './same-endpoint.js';

/** A member that left is remembered this long: a flapping registry must not pardon an ejected instance every time. */
const REMEMBER_MS = 60_000;
const REMEMBER_MAX = 10_000;

/** What one new set changed. */
export interface Change {
  readonly added: readonly MemberRecord[];
  /** Came back within the minute, with their statistics. */
  readonly revived: readonly MemberRecord[];
  /** Same instance, other facts: weight, zone, state, metadata. And what that is for a balancer. */
  readonly described: readonly MemberRecord[];
  readonly kind: PoolChange | undefined;
  /** Vanished, but kept for now. */
  readonly held: readonly MemberRecord[];
  /** How many held ones are named again. */
  readonly returned: number;
  readonly departed: readonly MemberRecord[];
}

/**
 * Turns whole sets into stable members: the same instance keeps its record, and with it what was learnt about it.
 *
 * An entry that the gate has seen before leads to its member, so that one that says the same costs a comparison.
 */
export class Membership {
  readonly #clock: Clock;
  readonly #guard: GuardOptions;
  /** The number of the last set, and its members in its order. */
  #set = 0;
  #listed: readonly MemberRecord[] = [];
  /** Vanished and kept, by id. */
  readonly #held = new Map<string, MemberRecord>();
  /** How many of the listed ones can take calls, as far as is known now. */
  #healthy = 0;
  readonly #departed = new Map<string, { readonly member: MemberRecord; readonly at: number }>();

  constructor(clock: Clock, guard: GuardOptions) {
    this.#clock = clock;
    this.#guard = guard;
  }

  /** How many members there are, the held ones included. */
  get size(): number {
    return this.#listed.length + this.#held.size;
  }

  /** All members, the held ones last. */
  all(): readonly MemberRecord[] {
    return this.#held.size === 0 ? this.#listed : [...this.#listed, ...this.#held.values()];
  }

  /** The endpoints of the last set, in its order. One that says the same as before is the same object. */
  list(): Endpoint[] {
    return this.#listed.map(({ endpoint }) => endpoint);
  }

  /** @param entries of the gate, each set once */
  reconcile(entries: readonly Entry[]): Change {
    const now = this.#clock.now();
    this.#forget(now);
    const before = this.#listed;
    const last = this.#set++;
    const pass = new Pass(this.#set);
    const listed: MemberRecord[] = [];
    let kept = 0;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      let { member } = entry;
      const wasListed = member !== undefined && member.namedIn === last && !member.gone;
      if (wasListed) kept++;
      if (!wasListed || member?.said !== entry.endpoint) {
        member = this.#take(entry, wasListed ? member : this.#held.get(entry.endpoint.id), pass);
        member.said = entry.endpoint;
        entry.member = member;
      }
      member.namedIn = pass.set;
      listed.push(member);
    }
    this.#listed = listed;
    const { set, departed } = pass;
    const vanished = kept < before.length ? before.filter((member) => member.namedIn !== set) : [];
    const healthy = this.#healthy + pass.recovered;
    this.#healthy = healthy + pass.arrived - vanished.reduce((sum, member) => sum + canServe(member), 0);
    const held = toHold(healthy, this.#healthy, vanished, this.#guard);
    for (const member of held) {
      member.heldUntil = now + this.#guard.holdMs;
      this.#held.set(member.endpoint.id, member);
    }
    for (const member of vanished) if (member.heldUntil === undefined) departed.push(member);
    for (const member of departed) this.#remember(member, now);
    const { added, revived, described, kind, returned } = pass;
    return { added, revived, described, kind, held, returned, departed };
  }

  /** @param known who has the endpoint's id now @returns the member that the endpoint is about */
  #take({ endpoint }: Entry, known: MemberRecord | undefined, pass: Pass): MemberRecord {
    const could = known === undefined ? 0 : canServe(known);
    const wasHeld = known?.heldUntil !== undefined;
    if (wasHeld) this.#held.delete(endpoint.id);
    if (known?.is(endpoint)) {
      known.heldUntil = undefined;
      if (!sameEndpoint(known.endpoint, endpoint)) pass.describe(known, endpoint);
      if (wasHeld) {
        pass.returned++;
        pass.arrived += canServe(known);
      } else {
        pass.recovered += canServe(known) - could;
      }
      return known;
    }
    if (known !== undefined) {
      if (!wasHeld) pass.arrived -= could;
      pass.departed.push(known);
      // Not one of the vanished, whom the guard may keep: another one has its id.
      known.namedIn = pass.set;
    }
    const former = this.#revive(endpoint);
    const joined = former ?? new MemberRecord(endpoint);
    (former === undefined ? pass.added : pass.revived).push(joined);
    pass.arrived += canServe(joined);
    return joined;
  }

  /** A held member is believed gone. */
  remove(member: MemberRecord): void {
    if (!this.#held.delete(member.endpoint.id)) return;
    this.#remember(member, this.#clock.now());
  }

  /** When the first held member's time is up. */
  nextHoldEnd(): number | undefined {
    let next: number | undefined;
    for (const { heldUntil } of this.#held.values()) {
      if (heldUntil !== undefined && (next === undefined || heldUntil < next)) next = heldUntil;
    }
    return next;
  }

  /** The held members whose time is up. */
  holdEnded(): MemberRecord[] {
    const now = this.#clock.now();
    return [...this.#held.values()].filter(({ heldUntil }) => heldUntil !== undefined && heldUntil <= now);
  }

  #revive(endpoint: Endpoint): MemberRecord | undefined {
    const former = this.#departed.get(endpoint.id)?.member;
    if (former === undefined || !former.is(endpoint)) return undefined;
    this.#departed.delete(endpoint.id);
    former.gone = false;
    former.rank(false);
    former.describe(endpoint);
    return former;
  }

  #remember(member: MemberRecord, at: number): void {
    this.#departed.delete(member.endpoint.id);
    this.#departed.set(member.endpoint.id, { member, at });
  }

  /** The oldest come first in the map. */
  #forget(now: number): void {
    for (const [id, { at }] of this.#departed) {
      if (now - at < REMEMBER_MS && this.#departed.size <= REMEMBER_MAX) return;
      this.#departed.delete(id);
    }
  }
}

/** What one set changes, while it is gone through. */
class Pass {
  readonly set: number;
  readonly added: MemberRecord[] = [];
  readonly revived: MemberRecord[] = [];
  readonly described: MemberRecord[] = [];
  readonly departed: MemberRecord[] = [];
  kind: PoolChange | undefined;
  returned = 0;
  /** How many of those that the last set named can serve now and could not then, less the opposite. */
  recovered = 0;
  /** How many can serve that the last set did not name, less those that they replace. */
  arrived = 0;

  constructor(set: number) {
    this.set = set;
  }

  describe(member: MemberRecord, endpoint: Endpoint): void {
    const what = member.describe(endpoint);
    this.kind = this.described.length === 0 || this.kind === what ? what : 'members';
    this.described.push(member);
  }
}

const canServe = (member: MemberRecord): number => (member.draining ? 0 : 1);
