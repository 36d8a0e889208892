import type { Outcome, Purpose } from '../contract/call.js';
import type { Clock } from '../contract/clock.js';
import { Bodies } from './bodies.js';
import type { Evidence, Health } from './health.js';
import { type LeaseKeeper, TryLease } from './lease.js';
import type { MemberRecord } from './member.js';
import type { Stalls } from './stalls.js';

export interface TriesOptions {
  readonly clock: Clock;
  readonly health: Health;
  readonly stalls: Stalls;
  /** A member could not be connected to. */
  unreachable(member: MemberRecord): void;
  /** The last try at a member that left has ended. */
  left(member: MemberRecord): void;
}

/** The tries of one service: counts what is under way, and turns how each one went into evidence and latency. */
export class Tries implements LeaseKeeper {
  /** Leases not done. */
  open = 0;
  readonly #options: TriesOptions;
  readonly #bodies: Bodies;
  /** Leases whose client says when their bodies move, after they did for the first time. */
  #moving = 0;
  #movedAt = 0;
  #closed = false;

  constructor(options: TriesOptions) {
    this.#options = options;
    this.#bodies = new Bodies(options.clock);
  }

  begin(member: MemberRecord, purpose: Purpose, startedAt: number): TryLease {
    member.picks++;
    member.inFlight++;
    member.open++;
    this.open++;
    for (const pool of member.pools) pool.inFlight++;
    const lease = new TryLease(this, member, purpose, startedAt);
    this.#options.stalls.add(lease);
    return lease;
  }

  /** Whether a try is under way; one whose body has not moved for `quietMs` is taken to have no reader. */
  busy(quietMs: number): boolean {
    return this.open > this.#moving || (this.open > 0 && this.now() - this.#movedAt < quietMs);
  }

  close(): void {
    this.#closed = true;
    this.#bodies.close();
    this.#options.stalls.close();
  }

  now(): number {
    return this.#options.clock.now();
  }

  responded(lease: TryLease, latencyMs: number): void {
    const { member, status, startedAt, purpose } = lease;
    const { health, stalls } = this.#options;
    stalls.delete(lease);
    member.heardAt = lease.respondedAt;
    if (!this.#closed) this.#bodies.add(lease);
    if (status < 500) {
      health.good(member, startedAt);
      member.observe(latencyMs, this.now());
      return;
    }
    const evidence: Evidence = status >= 502 && status <= 504 ? 'gateway' : 'server';
    health.bad(member, evidence, startedAt, purpose === 'probe');
  }

  moved(_lease: TryLease, first: boolean): void {
    if (first) this.#moving++;
    this.#movedAt = this.now();
  }

  released({ member }: TryLease): void {
    member.inFlight--;
    for (const pool of member.pools) pool.inFlight--;
  }

  done(lease: TryLease, outcome: Outcome): void {
    const { member, hasMoved } = lease;
    this.#bodies.delete(lease);
    this.#options.stalls.delete(lease);
    this.#judge(lease, outcome);
    member.open--;
    this.open--;
    if (hasMoved) this.#moving--;
    if (member.gone && member.open === 0) this.#options.left(member);
  }

  #judge({ member, status, startedAt, purpose }: TryLease, outcome: Outcome): void {
    const { health } = this.#options;
    // A probe that was answered has been judged by its status already.
    const probing = purpose === 'probe' && status === 0;
    switch (outcome.kind) {
      case 'answered':
        // A client that never reports heads: the end of the message is all that is known.
        if (status === 0) health.good(member, startedAt);
        health.whole(member, startedAt);
        break;
      case 'not-sent':
        health.bad(member, 'connect', startedAt, probing);
        this.#options.unreachable(member);
        break;
      case 'no-answer':
        health.bad(member, 'reset', startedAt, probing);
        break;
      case 'body-broken':
        health.bad(member, 'body', startedAt, probing);
        break;
      case 'timed-out':
        // Behind the head it is the body that took too long for this caller, which is no latency.
        if (status !== 0) break;
        member.observeAtLeast(this.now() - startedAt, this.now());
        health.bad(member, 'timeout', startedAt, probing);
        break;
      case 'canceled':
        if (status !== 0) break;
        member.observeAtLeast(this.now() - startedAt, this.now());
        if (probing) health.undecided(member);
        break;
    }
  }
}
