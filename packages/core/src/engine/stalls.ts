import type { Clock, Timer } from '../contract/clock.js';
import { CrowflyError } from '../errors.js';
import type { ConnectProbe } from './health.js';
import type { TryLease } from './lease.js';
import { instanceName, type MemberRecord } from './member.js';

/** A connect that ran into its limit this much too late says nothing: the event loop stood still. */
const LATE_MS = 50;
/** The longest time between two questions about one try. */
const MAX_WAIT_MS = 30_000;
/** Tries that fall due within this share of `stallMs` are looked at together. */
const LOOK_SHARE = 0.1;

export interface StallsOptions {
  readonly clock: Clock;
  readonly probe: ConnectProbe;
  /** How long a try may be without an answer before its instance is asked. 0: for ever. */
  readonly stallMs: number;
  readonly connectMs: number;
  /** Nobody is there: packets to the member vanish, as tries since `since` have seen. */
  silent(member: MemberRecord, since: number): void;
}

/**
 * Finds out whether an instance that does not answer is still there. On a connection that was open already, nothing
 * tells a slow instance from one whose machine has vanished; a new connect does: within `connectMs` it is accepted,
 * refused (the machine is there), or lost.
 *
 * One timer for all tries. A try asks about its instance after `stallMs`, and then each time that as long again has
 * passed without a sign of it as the try had lasted before: a long poll of a minute asks seven times, not a hundred and twenty. One
 * answer, or one connect, counts for all tries at an instance, also at one that is ejected or has left: they wait there.
 */
export class Stalls {
  readonly #o: StallsOptions;
  /** Tries without an answer, the oldest first. */
  readonly #waiting = new Set<TryLease>();
  readonly #asking = new Set<MemberRecord>();
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: StallsOptions) {
    this.#o = options;
  }

  add(lease: TryLease): void {
    if (this.#o.stallMs === 0 || this.#closed) return;
    this.#waiting.add(lease);
    if (this.#timer === undefined) this.#arm(this.#o.stallMs);
  }

  /** It was answered, or has ended. */
  delete(lease: TryLease): void {
    this.#waiting.delete(lease);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#o.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { clock, stallMs } = this.#o;
    const now = clock.now();
    let next = now + stallMs;
    for (const lease of this.#waiting) {
      const young = lease.startedAt + stallMs;
      if (young > now) {
        // Those behind it are younger still.
        next = Math.min(next, young);
        break;
      }
      const dueAt = this.#dueAt(lease);
      if (dueAt > now) next = Math.min(next, dueAt);
      else if (!this.#asking.has(lease.member)) void this.#ask(lease.member, now);
    }
    if (this.#waiting.size > 0) this.#arm(Math.max(next - now, stallMs * LOOK_SHARE));
  }

  /** When its instance is to be asked. */
  #dueAt({ member, startedAt }: TryLease): number {
    const knownAt = Math.max(startedAt, member.heardAt, member.askedAt);
    return knownAt + Math.min(MAX_WAIT_MS, Math.max(this.#o.stallMs, knownAt - startedAt));
  }

  async #ask(member: MemberRecord, since: number): Promise<void> {
    const { clock, probe, connectMs, stallMs } = this.#o;
    this.#asking.add(member);
    let silent = false;
    try {
      silent = (await probe(member.endpoint, connectMs)) === 'silent';
    } catch {
      // No answer to the question is none against the instance.
    }
    this.#asking.delete(member);
    if (silent && clock.now() - since > connectMs + LATE_MS) return;
    member.askedAt = since;
    if (!silent || this.#closed || member.heardAt >= since) return;
    this.#o.silent(member, since);
    const error = new CrowflyError(
      'call-failed',
      `${instanceName(member.endpoint)} sent nothing for ${stallMs} ms, and did not answer a new connect within ${connectMs} ms`,
    );
    for (const lease of [...this.#waiting]) {
      if (lease.member === member && lease.startedAt <= since) lease.lost?.(error);
    }
  }
}
