import type { Balancer, Call, Member, Pool } from '../contract/strategy.js';
import { describeError } from '../errors.js';
import type { MemberRecord } from './member.js';

/** What a balancer is told. */
export type PoolChange = Parameters<Balancer['update']>[1];

/** Who may be picked: `normal`; softly ejected ones too (`panic`); everyone, as nobody is left (`last-resort`). */
export type PoolMode = 'normal' | 'panic' | 'last-resort';

type Place = 'place' | 'seat' | 'tlsPlace' | 'tlsSeat';

export interface PoolOptions {
  /** Whether it is the one for https URLs: which of a member's places are this pool's. */
  readonly tls: boolean;
  readonly balancer: Balancer;
  /** Whether a member may be in the pool at all. */
  accepts(member: MemberRecord): boolean;
  readonly panicShare: number;
  random(): number;
  /** The balancer answered with a member that it may not pick, or threw. */
  mispick(reason: string): void;
}

/** What happened to some of a service's members. */
export interface PoolEdit {
  readonly joined: readonly MemberRecord[];
  readonly left: readonly MemberRecord[];
  /** Their facts changed, and what that is for a balancer. */
  readonly described: readonly MemberRecord[];
  readonly kind: PoolChange | undefined;
}

/**
 * The members that one balancer chooses among, and who of them is eligible. Both are dense arrays in no particular
 * order: who leaves is replaced by the last one, so that a change costs as much as there is changed.
 */
export class MemberPool implements Pool {
  readonly members: MemberRecord[] = [];
  readonly eligible: MemberRecord[] = [];
  inFlight = 0;
  mode: PoolMode = 'normal';
  readonly balancer: Balancer;
  readonly #options: PoolOptions;
  #tier = 0;
  #ejected = 0;
  /** Which field of a member says where it is in `members`, and which in `eligible`. */
  readonly #place: Place;
  readonly #seat: Place;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.balancer = options.balancer;
    this.#place = options.tls ? 'tlsPlace' : 'place';
    this.#seat = options.tls ? 'tlsSeat' : 'seat';
  }

  /**
   * Takes over what changed among its members; the balancer is to be told by `tell`, once all pools know of it.
   *
   * @returns what it is to be told; `undefined` when nothing of it was about this pool
   */
  edit({ joined, left, described, kind }: PoolEdit): PoolChange | undefined {
    const first = this.members.length === 0;
    const size = this.members.length;
    for (const member of left) this.#expel(member);
    let moved = this.members.length < size;
    // Index loops where there may be thousands, here and below: in a process that has just started, `for of` is an
    // allocation for each.
    for (let index = 0; index < joined.length; index++) {
      const member = joined[index] as MemberRecord;
      if (!this.#options.accepts(member)) continue;
      this.#enter(member);
      moved = true;
    }
    const told = moved ? 'members' : described.some((member) => this.#has(member)) ? kind : undefined;
    if (told === undefined || told === 'weights') return told;
    if (first || !this.#amend(described) || !this.#amend(joined) || this.eligible.length === 0) this.#elect();
    return told;
  }

  /** The tier in use: see `MemberRecord.tier`. */
  get tier(): number {
    return this.#tier;
  }

  close(): void {
    try {
      this.balancer.close?.();
    } catch (error) {
      this.#options.mispick(`threw while it was closed (${describeError(error)})`);
    }
  }

  /** A member was ejected or restored. O(1) unless that changes the mode or the tier in use. */
  reconsider(member: MemberRecord): void {
    const out = member.ejection !== undefined;
    this.#ejected += out ? 1 : -1;
    const simple = this.mode === 'normal' && !this.#panicking();
    if (simple && out && this.isEligible(member) && this.eligible.length > 1) this.#remove(member);
    else if (simple && !out && member.tier === this.#tier && !this.isEligible(member)) this.#add(member);
    else this.#elect();
    this.tell('eligibility');
  }

  /**
   * The balancer's choice, unless it may not be picked: then a scan from a random start, so that a strategy's mistake
   * never becomes a call to the wrong place.
   */
  pick(call: Call): MemberRecord | undefined {
    const { eligible } = this;
    if (eligible.length === 0) return undefined;
    const choice = this.#ask(call);
    const sound = choice !== undefined && this.isEligible(choice);
    if (sound && !(call.attempt > 0 && call.tried(choice))) return choice;
    if (choice !== undefined && !sound) this.#options.mispick('chose an instance that may not be picked');
    return this.#untried(call) ?? this.#spare(call) ?? (sound ? choice : this.#anyone());
  }

  /** A strategy's error must not become a call's, a registry's, or a lease's. */
  tell(change: PoolChange): void {
    try {
      this.balancer.update(this, change);
    } catch (error) {
      this.#options.mispick(`threw while it was told of a change (${describeError(error)})`);
    }
  }

  #ask(call: Call): MemberRecord | undefined {
    try {
      return this.balancer.pick(call) as MemberRecord | undefined;
    } catch (error) {
      this.#options.mispick(`threw instead of choosing (${describeError(error)})`);
      return undefined;
    }
  }

  /** Whether `call` can go to a member that it has not tried. */
  hasUntried(call: Call): boolean {
    return (
      this.eligible.some((member) => !call.tried(member)) ||
      this.members.some((member) => this.#isSpare(member) && !call.tried(member))
    );
  }

  #untried(call: Call): MemberRecord | undefined {
    const { eligible } = this;
    const start = Math.floor(this.#options.random() * eligible.length);
    for (let step = 0; step < eligible.length; step++) {
      const member = eligible[(start + step) % eligible.length];
      if (member !== undefined && !call.tried(member)) return member;
    }
    return undefined;
  }

  /** One meant for others, when the call has tried all that are meant for us: better far away than the same one again. */
  #spare(call: Call): MemberRecord | undefined {
    let chosen: MemberRecord | undefined;
    let seen = 0;
    for (const member of this.members) {
      if (!this.#isSpare(member) || call.tried(member)) continue;
      // Each of those seen so far with the same chance.
      if (this.#options.random() * ++seen < 1) chosen = member;
    }
    return chosen;
  }

  #isSpare(member: MemberRecord): boolean {
    return member.elsewhere && member.tier === this.#tier + 1 && this.#usable(member);
  }

  #anyone(): MemberRecord | undefined {
    return this.eligible[Math.floor(this.#options.random() * this.eligible.length)];
  }

  #has(member: MemberRecord): boolean {
    return this.members[member[this.#place]] === member;
  }

  #enter(member: MemberRecord): void {
    member[this.#place] = this.members.push(member) - 1;
    this.inFlight += member.inFlight;
    if (member.ejection !== undefined) this.#ejected++;
  }

  #expel(member: MemberRecord): void {
    if (!this.#has(member)) return;
    takeOut(this.members, member, this.#place);
    this.inFlight -= member.inFlight;
    if (member.ejection !== undefined) this.#ejected--;
    if (this.isEligible(member)) this.#remove(member);
  }

  /** These joined or changed. @returns whether that leaves mode and tier as they are; else everyone is to be looked at */
  #amend(some: readonly MemberRecord[]): boolean {
    if (this.mode !== 'normal' || (this.#ejected > 0 && this.#panicking())) return false;
    for (const member of some) {
      if (!this.#has(member)) continue;
      const fits = member.ejection === undefined && member.tier <= this.#tier;
      if (fits && member.tier < this.#tier) return false;
      if (fits === this.isEligible(member)) continue;
      if (fits) this.#add(member);
      else this.#remove(member);
    }
    return true;
  }

  #panicking(): boolean {
    return this.members.length - this.#ejected < this.members.length * this.#options.panicShare;
  }

  /** Decides anew who is eligible: the lowest tier among those that are not ejected. O(N). */
  #elect(): void {
    const { members, eligible } = this;
    for (const member of eligible) member[this.#seat] = -1;
    eligible.length = 0;
    this.mode = this.#ejected > 0 && this.#panicking() ? 'panic' : 'normal';
    if (this.#fill()) return;
    if (members.length > 0) this.mode = 'last-resort';
    this.#fill();
  }

  #fill(): boolean {
    const { members, eligible } = this;
    let tier = Number.POSITIVE_INFINITY;
    for (let index = 0; index < members.length; index++) {
      const member = members[index] as MemberRecord;
      if (member.tier < tier && this.#usable(member)) tier = member.tier;
    }
    if (tier === Number.POSITIVE_INFINITY) return false;
    this.#tier = tier;
    for (let index = 0; index < members.length; index++) {
      const member = members[index] as MemberRecord;
      if (member.tier === tier && this.#usable(member)) member[this.#seat] = eligible.push(member) - 1;
    }
    return true;
  }

  #usable({ ejection }: MemberRecord): boolean {
    if (ejection === undefined || this.mode === 'last-resort') return true;
    return this.mode === 'panic' && !ejection.hard;
  }

  isEligible(member: Member): boolean {
    const at = (member as Partial<MemberRecord>)[this.#seat];
    return at !== undefined && this.eligible[at] === member;
  }

  /** Whether calls would go to this member, were it not ejected: no probe goes where no call would. */
  reaches(member: MemberRecord): boolean {
    return member.pools.includes(this) && (member.tier <= this.#tier || this.mode === 'last-resort');
  }

  #add(member: MemberRecord): void {
    member[this.#seat] = this.eligible.push(member) - 1;
  }

  #remove(member: MemberRecord): void {
    takeOut(this.eligible, member, this.#seat);
  }
}

/** O(1): the last one takes the place. */
function takeOut(list: MemberRecord[], member: MemberRecord, place: Place): void {
  const at = member[place];
  const last = list.pop();
  if (last !== undefined && last !== member) {
    list[at] = last;
    last[place] = at;
  }
  member[place] = -1;
}
