import type { Clock } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { GuardOptions } from './api.js';
import { sameEndpoint } from './endpoint-gate.js';
import { toHold } from './guard.js';
import { MemberRecord } from './member.js';
import type { PoolChange } from './pool.js';

/** A member that left is remembered this long: a flapping registry must not pardon an ejected instance every time. */
const REMEMBER_MS = 60_000;
const REMEMBER_MAX = 10_000;

/** What one new set changed. */
export interface Change {
  readonly added: readonly MemberRecord[];
  /** Came back within the minute, with their statistics. */
  readonly revived: readonly MemberRecord[];
  /** Same instance, other facts: weight, zone, state, metadata. How many, and what that is for a balancer. */
  readonly changed: number;
  readonly kind: PoolChange | undefined;
  /** Vanished, but kept for now. */
  readonly held: readonly MemberRecord[];
  /** How many held ones are named again. */
  readonly returned: number;
  readonly departed: readonly MemberRecord[];
}

/** Turns whole sets into stable members: the same instance keeps its record, and with it what was learnt about it. */
export class Membership {
  /** By id; the held ones too. */
  readonly current = new Map<string, MemberRecord>();
  readonly #clock: Clock;
  readonly #guard: GuardOptions;
  #sets = 0;
  readonly #departed = new Map<string, { readonly member: MemberRecord; readonly at: number }>();

  constructor(clock: Clock, guard: GuardOptions) {
    this.#clock = clock;
    this.#guard = guard;
  }

  /** @param endpoints past the gate: ids are distinct */
  reconcile(endpoints: readonly Endpoint[]): Change {
    const now = this.#clock.now();
    this.#forget(now);
    const set = ++this.#sets;
    const added: MemberRecord[] = [];
    const revived: MemberRecord[] = [];
    const departed: MemberRecord[] = [];
    let changed = 0;
    let kind: PoolChange | undefined;
    let returned = 0;
    /** Of those that the last set named: how many could take calls, as far as is known now. */
    let healthy = 0;
    for (const endpoint of endpoints) {
      const member = this.current.get(endpoint.id);
      const listed = member !== undefined && member.heldUntil === undefined;
      if (member?.is(endpoint)) {
        member.namedIn = set;
        if (!listed) returned++;
        member.heldUntil = undefined;
        if (!sameEndpoint(member.endpoint, endpoint)) {
          const what = member.describe(endpoint);
          kind = changed++ === 0 || kind === what ? what : 'members';
        }
        if (listed && !member.draining) healthy++;
        continue;
      }
      if (listed && !member.draining) healthy++;
      if (member !== undefined) departed.push(member);
      const former = this.#revive(endpoint);
      const joined = former ?? new MemberRecord(endpoint);
      (former === undefined ? added : revived).push(joined);
      this.current.set(endpoint.id, joined);
      joined.namedIn = set;
    }
    const vanished = this.current.size > endpoints.length ? this.#notNamedIn(set) : [];
    const held = toHold(healthy, vanished, endpoints, this.#guard);
    for (const member of held) member.heldUntil = now + this.#guard.holdMs;
    for (const member of vanished) {
      if (member.heldUntil !== undefined) continue;
      this.current.delete(member.endpoint.id);
      departed.push(member);
    }
    for (const member of departed) this.#remember(member, now);
    return { added, revived, changed, kind, held, returned, departed };
  }

  #notNamedIn(set: number): MemberRecord[] {
    return [...this.current.values()].filter(
      (member) => member.namedIn !== set && member.heldUntil === undefined,
    );
  }

  /** A held member is believed gone. */
  remove(member: MemberRecord): void {
    if (this.current.get(member.endpoint.id) !== member) return;
    this.current.delete(member.endpoint.id);
    this.#remember(member, this.#clock.now());
  }

  /** When the first held member's time is up. */
  nextHoldEnd(): number | undefined {
    let next: number | undefined;
    for (const { heldUntil } of this.current.values()) {
      if (heldUntil !== undefined && (next === undefined || heldUntil < next)) next = heldUntil;
    }
    return next;
  }

  /** The held members whose time is up. */
  holdEnded(): MemberRecord[] {
    const now = this.#clock.now();
    return [...this.current.values()].filter(({ heldUntil }) => heldUntil !== undefined && heldUntil <= now);
  }

  #revive(endpoint: Endpoint): MemberRecord | undefined {
    const former = this.#departed.get(endpoint.id)?.member;
    if (former === undefined || !former.is(endpoint)) return undefined;
    this.#departed.delete(endpoint.id);
    former.gone = false;
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
