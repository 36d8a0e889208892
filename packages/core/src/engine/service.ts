import type { Purpose } from '../contract/call.js';
import type { Clock, Timer } from '../contract/clock.js';
import type { Problem, Registry, Self, ServiceRef } from '../contract/registry.js';
import type { Snapshot } from '../contract/snapshot.js';
import type { Call } from '../contract/strategy.js';
import type { CrowflyError } from '../errors.js';
import type { EventHub } from '../events.js';
import type { Backoff } from './backoff.js';
import { refId } from './directory.js';
import { EndpointGate, type Entry, type Gated } from './endpoint-gate.js';
import { type Follower, follow } from './follow.js';
import { type ConnectProbe, Health, type Survives } from './health.js';
import type { TryLease } from './lease.js';
import type { MemberRecord } from './member.js';
import { Membership } from './membership.js';
import { Outage } from './outage.js';
import { MemberPool, type PoolEdit } from './pool.js';
import { Pools } from './pools.js';
import { SetProblems } from './set-problems.js';
import type { Settings } from './settings.js';
import { Stalls } from './stalls.js';
import { NO_TOPOLOGY, Topology } from './topology.js';
import { Tries } from './tries.js';
import { trouble } from './trouble.js';
import { Watchers } from './watchers.js';

export interface ServiceContext {
  readonly clock: Clock;
  random(): number;
  readonly events: EventHub;
  readonly probe: ConnectProbe;
  readonly maxEndpoints: number;
  readonly self: Self;
  readonly backoff: Backoff;
  /** The snapshot changed. */
  changed(): void;
}

/** Errors that waiting does not mend: someone has to correct what the registry reads, or to grant a right. */
const LASTING: ReadonlySet<string> = new Set([
  'bad-data',
  'bad-option',
  'bad-name',
  'denied',
  'unknown-service',
]);

/** One service in use: what its registry says, and who that makes its members. */
export class Service implements Follower {
  readonly ref: ServiceRef;
  readonly registry: Registry;
  readonly settings: Settings;
  /** Reasons to keep following: subscriptions, `ready`, a settings row. */
  pins = 0;
  lastUsed: number;
  /** `undefined`: hints are ignored. */
  readonly topology: Topology | undefined;
  readonly #context: ServiceContext;
  #following: { stop(): void; readonly stopped: Promise<void> } | undefined;
  readonly #members: Membership;
  readonly #health: Health;
  readonly #pools: Pools;
  readonly #tries: Tries;
  readonly #problems: SetProblems;
  readonly #outage: Outage;
  readonly #watchers: Watchers;
  #snapshot: Snapshot = { status: 'pending' };
  #version = 0;
  #everReady = false;
  #saidLost = false;
  #holdTimer: Timer | undefined;
  #closed = false;

  constructor(ref: ServiceRef, registry: Registry, settings: Settings, context: ServiceContext) {
    this.ref = ref;
    this.registry = registry;
    this.settings = settings;
    this.#context = context;
    const { clock, events } = context;
    this.lastUsed = clock.now();
    this.#problems = new SetProblems((problem) => events.emit('problem', { ...this.about, ...problem }));
    this.#outage = new Outage(clock, (outageMs) => events.emit('recovered', { ...this.about, outageMs }));
    this.#watchers = new Watchers(
      () => this.#snapshot,
      (error) => events.complain(`watch('${ref.key}')`, error),
    );
    this.#members = new Membership(clock, settings.guard);
    this.topology = settings.topology === 'hints' ? new Topology(context.self) : undefined;
    this.#health = new Health({
      settings: settings.ejection,
      connectMs: settings.timeouts.connectMs,
      clock,
      random: context.random,
      probe: context.probe,
      size: () => this.#members.size,
      ejected: (member, { hard, reason }, probeMs) => {
        this.#reconsider(member);
        const evidence = hard ? 'hard' : 'soft';
        events.emit('ejected', { ...this.about, endpoint: member.endpoint, evidence, reason, probeMs });
      },
      restored: (member, ejectedMs) => {
        this.#reconsider(member);
        events.emit('restored', { ...this.about, endpoint: member.endpoint, ejectedMs });
      },
    });
    this.#pools = new Pools(
      () => this.#members.all(),
      (tls, accepts) => this.#createPool(tls, accepts),
    );
    this.#tries = new Tries({
      clock,
      health: this.#health,
      stalls: new Stalls({
        clock,
        probe: context.probe,
        stallMs: settings.ejection.stallMs,
        connectMs: settings.timeouts.connectMs,
        silent: (member, since) => {
          this.#health.bad(member, 'connect', since, false);
          this.#unreachable(member);
        },
      }),
      unreachable: (member) => this.#unreachable(member),
      left: (member) => this.#left(member),
    });
  }

  /** Begins to follow the registry. Once. */
  start(): void {
    const { clock, backoff, maxEndpoints } = this.#context;
    this.#following = follow({
      registry: this.registry,
      service: this.ref,
      clock,
      backoff,
      gate: new EndpointGate(maxEndpoints),
      follower: this,
    });
    // The registry may have said within its very first call that there is no such service.
    if (this.#closed) this.#following.stop();
  }

  get about(): { service: string; registry: string } {
    return { service: refId(this.ref), registry: this.registry.id };
  }

  get snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** Whether the registry ever delivered a set. */
  get everReady(): boolean {
    return this.#everReady;
  }

  get hasMembers(): boolean {
    return this.#members.size > 0;
  }

  /** Whether a caller waits for its first set. */
  get isAwaited(): boolean {
    return this.#watchers.awaited;
  }

  get members(): readonly MemberRecord[] {
    return this.#members.all();
  }

  // --- what the registry says (Follower) ---

  set({ entries, problems }: Gated): void {
    this.#problems.set(problems);
    const changed = this.#apply(entries, !this.#everReady);
    this.#everReady = true;
    this.#outage.delivers();
    if (!changed && this.#snapshot.status === 'ready') return;
    const list = Object.freeze(this.#members.list());
    this.#publish({ status: 'ready', endpoints: list, version: this.#version });
  }

  unknown(reason: string): void {
    const news = this.#snapshot.status !== 'unknown';
    this.#apply([], false);
    this.#outage.delivers();
    if (!news) return;
    this.#publish({ status: 'unknown', reason });
    this.#context.events.emit('unknown', { ...this.about, reason });
  }

  failed(cause: unknown): void {
    const before = this.#snapshot;
    // What is known with authority stays true until the registry says otherwise.
    if (before.status === 'unknown') return;
    const { since, news } = this.#outage.fails();
    if (before.status === 'ready' || before.status === 'stale') {
      const { endpoints, version } = before;
      this.#publish({ status: 'stale', endpoints, version, since, cause });
      if (news) this.#context.events.emit('stale', { ...this.about, cause });
    } else {
      this.#publish({ status: 'failed', cause });
      if (news) this.#context.events.emit('failed', { ...this.about, cause });
    }
  }

  problem(problem: Problem): void {
    this.#problems.report(problem);
  }

  // --- who asks ---

  /** Calls `listener` at once and with each change. @returns a function that ends it */
  watch(listener: (snapshot: Snapshot) => void): () => void {
    return this.#watchers.watch(listener);
  }

  /** Whether calls can go ahead, or fail, without waiting for the registry. */
  get settled(): boolean {
    if (this.#closed) return true;
    if (this.#members.size > 0) return true;
    const snapshot = this.#snapshot;
    if (snapshot.status === 'pending') return false;
    return (
      snapshot.status !== 'failed' ||
      LASTING.has((snapshot.cause as { code?: string } | undefined)?.code ?? '')
    );
  }

  /** Calls `then` once `settled`. @returns a function that gives up waiting */
  whenSettled(then: () => void): () => void {
    return this.#watchers.wait(then);
  }

  /** Why there is nothing to pick from, as the error to throw. */
  trouble(tls = false, waitedMs = this.settings.firstSetMs): CrowflyError {
    return trouble({ ...this.about, snapshot: this.#snapshot, problems: this.problems }, tls, waitedMs);
  }

  /** What is wrong with the last set. */
  get problems(): readonly Problem[] {
    return this.#problems.all;
  }

  /** One try for `call`, or `undefined` when nothing can be picked. */
  acquire(call: Call, tls: boolean, survives: Survives): TryLease | undefined {
    this.lastUsed = call.now;
    const pool = this.#pools.of(tls);
    const probed =
      call.attempt === 0 ? this.#health.takeProbe(survives, (member) => pool.reaches(member)) : undefined;
    const member = probed ?? pool.pick(call);
    if (member === undefined) return undefined;
    const purpose: Purpose = probed !== undefined ? 'probe' : call.attempt > 0 ? 'retry' : 'call';
    return this.#tries.begin(member, purpose, call.now);
  }

  /** Whether a member is left that `call` has not tried. */
  hasUntried(call: Call, tls: boolean): boolean {
    return this.#pools.of(tls).hasUntried(call);
  }

  /** The pool that calls choose from, for `explain`. */
  get pool(): MemberPool {
    return this.#pools.plain;
  }

  // --- the end ---

  /** Leases not done. */
  get open(): number {
    return this.#tries.open;
  }

  /** Whether a try is under way; one whose body has not moved for `quietMs` is taken to have no reader. */
  busy(quietMs: number): boolean {
    return this.#tries.busy(quietMs);
  }

  /** Ends the watch and all timers. @returns when the adapter's watch has settled */
  close(): Promise<void> {
    this.#closed = true;
    this.#following?.stop();
    this.#health.close();
    this.#tries.close();
    for (const pool of this.#pools.all) pool.close();
    this.#holdTimer?.cancel();
    this.#outage.close();
    for (const member of this.#members.all()) if (member.open === 0) this.#left(member);
    this.#watchers.close();
    return this.#following?.stopped ?? Promise.resolve();
  }

  // --- inside ---

  /** @returns whether the set is another one than before; `first` always is */
  #apply(entries: readonly Entry[], first: boolean): boolean {
    const change = this.#members.reconcile(entries);
    const { departed, revived, described, kind, held, returned } = change;
    for (const member of departed) this.#depart(member);
    for (const member of revived) this.#health.revived(member);
    const joined = revived.length === 0 ? change.added : [...change.added, ...revived];
    if (joined.length + departed.length + described.length > 0)
      this.#edit({ joined, left: departed, described, kind });
    if (held.length > 0) {
      const { holdMs } = this.settings.guard;
      const of = this.#members.size;
      this.#context.events.emit('guard', { ...this.about, held: held.length, of, holdMs });
    }
    if (held.length + returned > 0 || this.#holdTimer !== undefined) this.#armHold();
    for (const member of departed) if (member.open === 0) this.#left(member);
    const [added, removed, changed] = [joined.length, departed.length, described.length];
    if (!first && added + removed + changed + held.length + returned === 0) return false;
    this.#version++;
    const counts = { endpoints: entries.length, added, removed, changed };
    this.#context.events.emit('snapshot', { ...this.about, version: this.#version, ...counts });
    return true;
  }

  /** Members joined, left or changed: whom topology hints mean them for, and then the pools, with one word to balancers. */
  #edit(edit: PoolEdit): void {
    const { joined, described } = edit;
    const moved = this.topology?.review(this.#members.all(), [joined, described]) ?? [];
    if (moved.length === 0) this.#pools.edit(edit);
    else {
      const kind = edit.kind === undefined || edit.kind === 'eligibility' ? 'eligibility' : 'members';
      this.#pools.edit({ ...edit, described: [...described, ...moved], kind });
    }
    if (this.topology?.lost && !this.#saidLost) {
      this.#saidLost = true;
      this.#context.events.emit('problem', { ...this.about, ...NO_TOPOLOGY });
    }
  }

  /** A held member failed to connect, or its time is up: believed gone now. */
  #release(members: readonly MemberRecord[]): void {
    if (members.length === 0) return;
    for (const member of members) {
      this.#members.remove(member);
      this.#depart(member);
    }
    this.#edit({ joined: [], left: members, described: [], kind: undefined });
    for (const member of members) if (member.open === 0) this.#left(member);
  }

  /** It is held although the registry lists it no more: now it is believed gone. */
  #unreachable(member: MemberRecord): void {
    if (member.heldUntil !== undefined && !member.gone) this.#release([member]);
  }

  #depart(member: MemberRecord): void {
    member.gone = true;
    member.heldUntil = undefined;
    this.#health.left(member);
  }

  #left(member: MemberRecord): void {
    this.#context.events.emit('left', { ...this.about, endpoint: member.endpoint });
  }

  #armHold(): void {
    this.#holdTimer?.cancel();
    this.#holdTimer = undefined;
    const next = this.#members.nextHoldEnd();
    if (next === undefined) return;
    this.#holdTimer = this.#context.clock.after(Math.max(0, next - this.#context.clock.now()), () => {
      this.#release(this.#members.holdEnded());
      this.#armHold();
    });
  }

  #createPool(tls: boolean, accepts: (member: MemberRecord) => boolean): MemberPool {
    const { clock, random, events } = this.#context;
    const pool = new MemberPool({
      tls,
      accepts,
      balancer: this.settings.strategy({ clock, random }),
      panicShare: this.settings.ejection.panicShare,
      random,
      mispick: (reason) => events.emit('mispick', { ...this.about, reason }),
    });
    pool.tell('members');
    return pool;
  }

  #reconsider(member: MemberRecord): void {
    for (const pool of member.pools) pool.reconsider(member);
  }

  #publish(snapshot: Snapshot): void {
    this.#snapshot = Object.freeze(snapshot);
    this.#watchers.tell();
    if (this.settled) this.#watchers.wake();
    this.#context.changed();
  }
}
