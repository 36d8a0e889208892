import type { Balancer, Call, Member, Pool } from '../contract/strategy.js';
import { describeError } from '../errors.js';
import type { MemberRecord } from './member.js';

/** What a balancer is told. */
export type PoolChange = Parameters<Balancer['update']>[1];

/** Who may be picked: `normal`; softly ejected ones too (`panic`); everyone, as nobody is left (`last-resort`). */
export type PoolMode = 'normal' | 'panic' | 'last-resort';

export interface PoolOptions {
  /** Which place of `member.slots` is this pool's. */
  readonly slot: number;
  readonly balancer: Balancer;
  readonly panicShare: number;
  random(): number;
  /** The balancer answered with a member that it may not pick, or threw. */
  mispick(reason: string): void;
}

/** The members that one balancer chooses among, and who of them is eligible. */
export class MemberPool implements Pool {
  members: MemberRecord[] = [];
  readonly eligible: MemberRecord[] = [];
  inFlight = 0;
  mode: PoolMode = 'normal';
  readonly balancer: Balancer;
  readonly #options: PoolOptions;
  #tier = 0;
  #ejected = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.balancer = options.balancer;
  }

  /** Takes over a new list of members, which it then owns. O(N). */
  replace(members: MemberRecord[]): void {
    this.members = members;
    this.inFlight = members.reduce((sum, member) => sum + member.inFlight, 0);
    this.#elect();
    this.#tell('members');
  }

  close(): void {
    try {
      this.balancer.close?.();
    } catch (error) {
      this.#options.mispick(`threw while it was closed (${describeError(error)})`);
    }
  }

  /** The facts about some members changed. O(N). */
  redescribe(change: PoolChange): void {
    if (change !== 'weights') this.#elect();
    this.#tell(change);
  }

  /** A member was ejected or restored. O(1) unless that changes the mode or the tier in use. */
  reconsider(member: MemberRecord): void {
    const out = member.ejection !== undefined;
    this.#ejected += out ? 1 : -1;
    const simple = this.mode === 'normal' && !this.#panicking();
    if (simple && out && this.isEligible(member) && this.eligible.length > 1) this.#remove(member);
    else if (simple && !out && member.tier === this.#tier && !this.isEligible(member)) this.#add(member);
    else this.#elect();
    this.#tell('eligibility');
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
    return this.#untried(call) ?? (sound ? choice : this.#anyone());
  }

  /** A strategy's error must not become a call's, a registry's, or a lease's. */
  #tell(change: PoolChange): void {
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

  #untried(call: Call): MemberRecord | undefined {
    const { eligible } = this;
    const start = Math.floor(this.#options.random() * eligible.length);
    for (let step = 0; step < eligible.length; step++) {
      const member = eligible[(start + step) % eligible.length];
      if (member !== undefined && !call.tried(member)) return member;
    }
    return undefined;
  }

  #anyone(): MemberRecord | undefined {
    return this.eligible[Math.floor(this.#options.random() * this.eligible.length)];
  }

  #panicking(): boolean {
    return this.members.length - this.#ejected < this.members.length * this.#options.panicShare;
  }

  /** Decides anew who is eligible: the lowest tier among those that are not ejected. */
  #elect(): void {
    const { members, eligible } = this;
    const { slot } = this.#options;
    for (const member of eligible) member.slots[slot] = -1;
    eligible.length = 0;
    this.#ejected = members.reduce((sum, member) => sum + (member.ejection === undefined ? 0 : 1), 0);
    this.mode = this.#ejected > 0 && this.#panicking() ? 'panic' : 'normal';
    if (
      !this.#fill(
        (member) => member.ejection === undefined || (this.mode === 'panic' && !member.ejection.hard),
      )
    ) {
      this.mode = members.length === 0 ? 'normal' : 'last-resort';
      this.#fill(() => true);
    }
  }

  #fill(usable: (member: MemberRecord) => boolean): boolean {
    let tier = Number.POSITIVE_INFINITY;
    for (const member of this.members) if (member.tier < tier && usable(member)) tier = member.tier;
    if (tier === Number.POSITIVE_INFINITY) return false;
    this.#tier = tier;
    for (const member of this.members) if (member.tier === tier && usable(member)) this.#add(member);
    return true;
  }

  isEligible(member: Member): boolean {
    const at = (member as Partial<MemberRecord>).slots?.[this.#options.slot];
    return at !== undefined && this.eligible[at] === member;
  }

  /** Whether calls would go to this member, were it not ejected: no probe goes where no call would. */
  reaches(member: MemberRecord): boolean {
    return member.pools.includes(this) && (member.tier <= this.#tier || this.mode === 'last-resort');
  }

  #add(member: MemberRecord): void {
    member.slots[this.#options.slot] = this.eligible.push(member) - 1;
  }

  #remove(member: MemberRecord): void {
    const { slot } = this.#options;
    const at = member.slots[slot] ?? -1;
    const last = this.eligible.pop();
    if (last !== undefined && last !== member) {
      this.eligible[at] = last;
      last.slots[slot] = at;
    }
    member.slots[slot] = -1;
  }
}
