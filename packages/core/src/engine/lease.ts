import type { Lease, Outcome, Purpose } from '../contract/call.js';
import type { Timer } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { MemberRecord } from './member.js';

/** What a lease tells the service it was taken from. */
export interface LeaseKeeper {
  now(): number;
  after(delayMs: number, fire: () => void): Timer;
  /** The head of the answer arrived. */
  responded(lease: TryLease, latencyMs: number): void;
  /** A part of the body arrived. `first`: for the first time. */
  moved(lease: TryLease, first: boolean): void;
  /** The try no longer counts as in flight. Once, at or before `done`. */
  released(lease: TryLease): void;
  /** The try is over, and its connection free. Once. */
  done(lease: TryLease, outcome: Outcome): void;
}

/**
 * A body that nobody reads, or that streams for hours, is no load that balancing could use: after its head an answer
 * counts as in flight for this long at the most.
 */
const BODY_MS = 30_000;

/** One try at one instance; see {@link Lease}. */
export class TryLease implements Lease {
  readonly member: MemberRecord;
  readonly purpose: Purpose;
  readonly startedAt: number;
  /** The status of the answer's head; 0 before it. */
  status = 0;
  /** Whether a part of the body arrived, as far as the client says. */
  hasMoved = false;
  readonly #keeper: LeaseKeeper;
  #counted = true;
  #over = false;
  #body: Timer | undefined;

  constructor(keeper: LeaseKeeper, member: MemberRecord, purpose: Purpose, startedAt: number) {
    this.#keeper = keeper;
    this.member = member;
    this.purpose = purpose;
    this.startedAt = startedAt;
  }

  get endpoint(): Endpoint {
    return this.member.endpoint;
  }

  get over(): boolean {
    return this.#over;
  }

  responded(status: number, _retryAfterMs?: number): void {
    if (this.#over || this.status !== 0) return;
    this.status = status;
    this.#body = this.#keeper.after(BODY_MS, () => this.#release());
    this.#keeper.responded(this, this.#keeper.now() - this.startedAt);
  }

  progress(): void {
    if (this.#over) return;
    const first = !this.hasMoved;
    this.hasMoved = true;
    this.#keeper.moved(this, first);
  }

  done(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#body?.cancel();
    this.#release();
    this.#keeper.done(this, outcome);
  }

  #release(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#keeper.released(this);
  }
}
