import type { Clock, Timer } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { EjectionOptions } from './api.js';
import type { MemberRecord, Streaks } from './member.js';

/** After this long without a call that may safely be a probe, any call may be. */
const PATIENCE_MS = 10_000;

/** Tries that began, or timed out, within this of each other are one event: a stall of this process, or of the instance. */
const MOMENT_MS = 50;

/** A connect costs next to nothing and no caller anything: it is tried at least this often. */
const CONNECT_MAX_MS = 2_000;

/** What a connect finds: it is accepted; it is refused, so the machine is there; or nothing comes back. */
export type Reach = 'accepts' | 'refuses' | 'silent';

/** Asks whether an instance accepts connections. Must settle within about `timeoutMs`. */
export type ConnectProbe = (endpoint: Endpoint, timeoutMs: number) => Promise<Reach>;

/** Why a member gets no new calls, and what happens next. */
export interface Ejection {
  /** Connections fail, as opposed to answers or their absence: certain, so without a cap. */
  readonly hard: boolean;
  readonly reason: string;
  readonly since: number;
  /** Failed probes so far. */
  level: number;
  /** `resting` until the next probe is due; `open` to one probing call; `probing` while it runs. */
  phase: 'resting' | 'open' | 'probing';
  /** When the phase began. */
  phaseSince: number;
  /** When a resting one is asked again. */
  probeAt: number;
}

/** Which failure of a try its caller would not notice, as another try can follow. */
export type Survives = 'anything' | 'a failed connect' | 'nothing';

/** What one try showed about its instance. */
export type Evidence = 'connect' | 'reset' | 'timeout' | 'gateway' | 'server' | 'body';

interface Rule {
  readonly streak: Exclude<keyof Streaks, `${string}${'At' | 'Since'}`>;
  readonly threshold: keyof EjectionOptions;
  readonly hard: boolean;
  readonly text: string;
}

const RULES: Readonly<Record<Evidence, Rule>> = {
  connect: {
    streak: 'connects',
    threshold: 'connectFailures',
    hard: true,
    text: 'it cannot be connected to',
  },
  reset: { streak: 'resets', threshold: 'resets', hard: true, text: 'connections ended before an answer' },
  timeout: { streak: 'timeouts', threshold: 'timeouts', hard: false, text: 'no answer in time' },
  gateway: { streak: 'gateway', threshold: 'gatewayErrors', hard: false, text: 'status 502, 503 or 504' },
  server: { streak: 'server', threshold: 'serverErrors', hard: false, text: 'status 5xx' },
  body: { streak: 'bodies', threshold: 'serverErrors', hard: false, text: 'answers broke off' },
};

export interface HealthOptions {
  readonly settings: EjectionOptions;
  readonly connectMs: number;
  readonly clock: Clock;
  random(): number;
  readonly probe: ConnectProbe;
  /** How many members there are now. */
  size(): number;
  ejected(member: MemberRecord, ejection: Ejection, probeMs: number): void;
  restored(member: MemberRecord, ejectedMs: number): void;
}

/**
 * Judges instances by what the calls to them showed: ejects, probes, restores.
 *
 * Failures are counted in a row and apart by kind; any answer with a status below 500 clears them. An ejected member
 * rests for a jittered, doubling while, is asked by a TCP connect if connecting was the trouble, and then gets one call
 * that can be tried again elsewhere. That call's good answer restores it with a clean slate.
 */
export class Health {
  readonly #o: HealthOptions;
  readonly #timers = new Map<MemberRecord, Timer>();
  /** Ejected members whose next step is a probing call. */
  readonly #open = new Set<MemberRecord>();
  #soft = 0;
  #closed = false;

  constructor(options: HealthOptions) {
    this.#o = options;
  }

  /** A try that began at `startedAt` was answered well. */
  good(member: MemberRecord, startedAt: number): void {
    if (startedAt < member.judgedSince) return;
    member.clearStreaks();
    // Only what was sent after the ejection proves a return; answers to older calls may still trickle in.
    if (member.ejection !== undefined && startedAt >= member.ejection.since)
      this.#restore(member, member.ejection);
  }

  /** The whole answer to a try that began at `startedAt` arrived. */
  whole(member: MemberRecord, startedAt: number): void {
    if (startedAt >= member.judgedSince) member.bodyArrived();
  }

  /** A try that began at `startedAt` failed. `probing`: it was this member's probe. */
  bad(member: MemberRecord, evidence: Evidence, startedAt: number, probing: boolean): void {
    if (member.ejection !== undefined) {
      if (probing) this.#rest(member, member.ejection, member.ejection.level + 1);
      return;
    }
    if (startedAt < member.judgedSince || member.gone) return;
    if (this.#sameEvent(member, evidence, startedAt)) return;
    const { streaks } = member;
    if (evidence === 'server') streaks.gateway = 0;
    if (evidence === 'gateway' && this.#strike(member, 'gateway')) return;
    // A gateway error is a server error too: a mixed run of them counts as one run.
    this.#strike(member, evidence === 'gateway' ? 'server' : evidence);
  }

  /** A probe ended without showing anything: the next call may be the probe. */
  undecided(member: MemberRecord): void {
    if (member.ejection?.phase === 'probing') this.#offer(member, member.ejection);
  }

  /**
   * The ejected member that this call should go to, if one is due.
   *
   * @param survives what may happen to the call without harm
   */
  takeProbe(survives: Survives, usable: (member: MemberRecord) => boolean): MemberRecord | undefined {
    if (this.#open.size === 0) return undefined;
    const now = this.#o.clock.now();
    for (const member of this.#open) {
      const { ejection } = member;
      if (ejection === undefined || !usable(member)) continue;
      const safe = survives === 'anything' || (survives !== 'nothing' && this.#connects(ejection));
      if (!safe && now - ejection.phaseSince < PATIENCE_MS) continue;
      this.#open.delete(member);
      ejection.phase = 'probing';
      ejection.phaseSince = now;
      return member;
    }
    return undefined;
  }

  /** The member left: nobody asks for it any more. Its ejection stays, in case it comes back. */
  left(member: MemberRecord): void {
    this.#timers.get(member)?.cancel();
    this.#timers.delete(member);
    this.#open.delete(member);
    if (member.ejection !== undefined && !member.ejection.hard) this.#soft--;
  }

  /** A member that left came back with its statistics. */
  revived(member: MemberRecord): void {
    if (member.ejection === undefined) return;
    if (!member.ejection.hard) this.#soft++;
    this.#rest(member, member.ejection, member.ejection.level);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#open.clear();
  }

  #connects(ejection: Ejection): boolean {
    return ejection.reason === RULES.connect.text;
  }

  /**
   * Whether this failure only repeats the one before it: a reset whose try was under way when the last one was counted,
   * a timeout of a try that began or ended together with the last one's. After this process stood still for some seconds, every
   * call has run into its time limit and every idle connection has been closed by the other side, all at once, and no
   * instance is to blame.
   */
  #sameEvent(member: MemberRecord, evidence: Evidence, startedAt: number): boolean {
    const now = this.#o.clock.now();
    const { streaks } = member;
    if (evidence === 'timeout') {
      const { timedOutSince, timedOutAt } = streaks;
      if (startedAt - timedOutSince < MOMENT_MS || now - timedOutAt < MOMENT_MS) return true;
      streaks.timedOutSince = startedAt;
      streaks.timedOutAt = now;
    } else if (evidence === 'reset') {
      if (startedAt < streaks.resetAt) return true;
      streaks.resetAt = now;
    }
    return false;
  }

  #strike(member: MemberRecord, evidence: Evidence): boolean {
    const rule = RULES[evidence];
    const count = ++member.streaks[rule.streak];
    const threshold = this.#o.settings[rule.threshold];
    if (threshold === 0 || count < threshold) return false;
    if (!rule.hard && !this.#mayEjectSoftly()) return false;
    this.#eject(member, rule);
    return true;
  }

  /** The cap holds after this ejection, and one member always stays. */
  #mayEjectSoftly(): boolean {
    const size = this.#o.size();
    return size > 1 && this.#soft + 1 <= Math.max(1, Math.floor(this.#o.settings.maxShare * size));
  }

  #eject(member: MemberRecord, rule: Rule): void {
    const now = this.#o.clock.now();
    const ejection: Ejection = {
      hard: rule.hard,
      reason: rule.text,
      since: now,
      level: 0,
      phase: 'resting',
      phaseSince: now,
      probeAt: now,
    };
    member.ejection = ejection;
    if (!rule.hard) this.#soft++;
    this.#rest(member, ejection, 0);
    this.#o.ejected(member, ejection, ejection.probeAt - now);
  }

  #restore(member: MemberRecord, ejection: Ejection): void {
    const now = this.#o.clock.now();
    if (!member.gone) {
      this.left(member);
    }
    member.ejection = undefined;
    member.pardon(now);
    if (!member.gone) this.#o.restored(member, now - ejection.since);
  }

  /** Waits for the next probe: half to all of the doubled interval, so that many clients do not ask in step. */
  #rest(member: MemberRecord, ejection: Ejection, level: number): void {
    const { clock, settings, random } = this.#o;
    const longest = this.#connects(ejection)
      ? Math.min(CONNECT_MAX_MS, settings.probeMaxMs)
      : settings.probeMaxMs;
    const interval = Math.min(longest, settings.probeMs * 2 ** level);
    const delay = interval * (0.5 + random() / 2);
    const now = clock.now();
    ejection.level = level;
    ejection.phase = 'resting';
    ejection.phaseSince = now;
    ejection.probeAt = now + delay;
    this.#open.delete(member);
    this.#timers.get(member)?.cancel();
    if (member.gone || this.#closed) return;
    const timer = clock.after(delay, () => {
      this.#timers.delete(member);
      void this.#due(member, ejection);
    });
    this.#timers.set(member, timer);
  }

  async #due(member: MemberRecord, ejection: Ejection): Promise<void> {
    if (!this.#connects(ejection)) return this.#offer(member, ejection);
    const { endpoint } = member;
    const { probeAt } = ejection;
    let connected = false;
    try {
      connected = (await this.#o.probe(endpoint, this.#o.connectMs)) === 'accepts';
    } catch {
      // an answer too: no
    }
    // It may have left, come back or been restored meanwhile, and then is asked at another time.
    if (member.ejection !== ejection || ejection.probeAt !== probeAt || ejection.phase !== 'resting') return;
    if (connected) this.#offer(member, ejection);
    else this.#rest(member, ejection, ejection.level + 1);
  }

  #offer(member: MemberRecord, ejection: Ejection): void {
    if (member.gone || this.#closed || member.ejection !== ejection) return;
    ejection.phase = 'open';
    ejection.phaseSince = this.#o.clock.now();
    this.#open.add(member);
  }
}
