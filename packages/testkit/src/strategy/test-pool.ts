import type { Balancer, Endpoint, Member, Pool } from '@crowfly/core';

/** What a new member of a test pool looks like. */
export interface TestMemberOptions {
  /** Default 1. */
  readonly weight?: number;
  /** Makes the member a measured one with this latency, in milliseconds. Default: never measured. */
  readonly latencyMs?: number;
  /** Default 0. */
  readonly inFlight?: number;
}

/** A member whose figures a test sets as it likes. Change its weight through the pool, which tells the balancers. */
export class TestMember implements Member {
  readonly endpoint: Endpoint;
  weight: number;
  inFlight: number;
  measured: boolean;
  /** What `latencyMs` answers, whatever the time. */
  latency: number;

  constructor(id: string, options: TestMemberOptions = {}) {
    this.endpoint = Object.freeze({ id, host: '127.0.0.1', port: 80 });
    this.weight = options.weight ?? 1;
    this.inFlight = options.inFlight ?? 0;
    this.measured = options.latencyMs !== undefined;
    this.latency = options.latencyMs ?? 0;
  }

  latencyMs(_now: number): number {
    return this.latency;
  }
}

/** A pool that changes as the engine's do: each change is told to the balancers that were connected to it. */
export class TestPool implements Pool {
  readonly members: TestMember[] = [];
  readonly eligible: TestMember[] = [];
  readonly #balancers: Balancer[] = [];
  #named = 0;

  get inFlight(): number {
    return this.members.reduce((sum, member) => sum + member.inFlight, 0);
  }

  isEligible(member: Member): boolean {
    return this.eligible.includes(member as TestMember);
  }

  /** Tells `balancer` of the pool, and of every change from now on. */
  connect<B extends Balancer>(balancer: B): B {
    this.#balancers.push(balancer);
    balancer.update(this, 'members');
    return balancer;
  }

  /** A registry's set grew by one. */
  add(options: TestMemberOptions = {}): TestMember {
    const member = this.#create(options);
    this.#tell('members');
    return member;
  }

  /** A registry's set grew by several at once. */
  addAll(many: readonly TestMemberOptions[]): TestMember[] {
    const members = many.map((options) => this.#create(options));
    this.#tell('members');
    return members;
  }

  /** The instance left. */
  remove(member: TestMember): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
    this.#take(member);
    this.#tell('members');
  }

  /** Takes the member out of `eligible`: the last one moves into its place. */
  eject(member: TestMember): void {
    this.#take(member);
    this.#tell('eligibility');
  }

  /** Makes the member eligible again. */
  restore(member: TestMember): void {
    if (!this.members.includes(member) || this.eligible.includes(member)) return;
    this.eligible.push(member);
    this.#tell('eligibility');
  }

  /** The registry gives the member another weight, above 0. */
  weigh(member: TestMember, weight: number): void {
    member.weight = weight;
    this.#tell('weights');
  }

  #create(options: TestMemberOptions): TestMember {
    const member = new TestMember(`member-${++this.#named}`, options);
    this.members.push(member);
    this.eligible.push(member);
    return member;
  }

  #take(member: TestMember): void {
    const at = this.eligible.indexOf(member);
    const last = this.eligible.at(-1);
    if (at < 0 || last === undefined) return;
    this.eligible[at] = last;
    this.eligible.pop();
  }

  #tell(change: 'members' | 'weights' | 'eligibility'): void {
    for (const balancer of this.#balancers) balancer.update(this, change);
  }
}

/**
 * A pool for tests of a strategy.
 *
 * @param members how many, or each one's options
 */
export function testPool(members: number | readonly TestMemberOptions[] = 0): TestPool {
  const pool = new TestPool();
  const list = typeof members === 'number' ? Array.from({ length: members }, () => ({})) : members;
  if (list.length > 0) pool.addAll(list);
  return pool;
}
