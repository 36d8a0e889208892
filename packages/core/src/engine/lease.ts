import type { Lease, Outcome, Purpose } from '../contract/call.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { MemberRecord } from './member.js';

/** What a lease tells the service it was taken from. */
export interface LeaseKeeper {
  now(): number;
  /** The head of the answer arrived. */
  responded(lease: TryLease, latencyMs: number): void;
  /** A part of the body arrived. `first`: for the first time. */
  moved(lease: TryLease, first: boolean): void;
  /** The try no longer counts as in flight. Once, at or before `done`. */
  released(lease: TryLease): void;
  /** The try is over, and its connection free. Once. */
  done(lease: TryLease, outcome: Outcome): void;
}

/** One try at one instance; see {@link Lease}. */
export class TryLease implements Lease {
  readonly member: MemberRecord;
  readonly purpose: Purpose;
  readonly startedAt: number;
  /** The status of the answer's head; 0 before it. */
  status = 0;
  respondedAt = 0;
  /** Whether a part of the body arrived, as far as the client says. */
  hasMoved = false;
  /** Called when its instance turns out to have vanished: ends the try, if its call can go elsewhere. */
  lost: ((error: unknown) => void) | undefined;
  readonly #keeper: LeaseKeeper;
  #counted = true;
  #over = false;

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
    // It reaches what is under way; from here on only the answer itself may be kept alive, by whoever reads it.
    this.lost = undefined;
    this.respondedAt = this.#keeper.now();
    this.#keeper.responded(this, this.respondedAt - this.startedAt);
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
    this.lost = undefined;
    this.release();
    this.#keeper.done(this, outcome);
  }

  /** It counts as in flight no longer, although its body has not ended. */
  release(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.#keeper.released(this);
  }
}
