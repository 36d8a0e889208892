import type { Clock, Timer } from '../../contract/clock.js';
import type { Health, Instance, Io, Registrar, Standing } from '../../contract/registrar.js';
import { CrowflyError, isCrowflyError } from '../../errors.js';
import type { EventHub } from '../../events.js';
import { check } from '../../options.js';
import { DEFAULTS } from '../defaults.js';
import type { Registration, RegistrationState } from './api.js';

/** The longest that one request of a registrar may take; a heartbeat that takes longer than its interval helps nobody. */
const PRIMITIVE_MS = 5_000;
/** Waits after failures: the first, and the longest, unless a heartbeat comes sooner. Jittered down by up to half. */
const RETRY_FIRST_MS = 250;
const RETRY_MAX_MS = 10_000;
/** Heartbeats come up to this share earlier than they must, so that those of a fleet do not stay in step. */
const JITTER = 0.15;

export interface RegistrationParts {
  readonly instance: Instance;
  readonly foundBy: string;
  readonly registrar: Registrar;
  /** Id of the registry. */
  readonly registry: string;
  readonly propagationMs: number;
  /** For the deregistration. */
  readonly closeMs: number;
  readonly health: (() => Health | Promise<Health>) | undefined;
  readonly clock: Clock;
  random(): number;
  readonly events: EventHub;
  /** It is closed: whoever keeps it may forget it. */
  ended(): void;
}

/** What the registry holds of us, as far as we know. `maybe`: a request was sent whose end is not known. */
type There = 'no' | 'maybe' | 'yes';

/**
 * Keeps one instance in a registry: one loop, which does one thing at a time, so that no heartbeat is under way when the
 * instance leaves, and none comes after it.
 */
export class RegistrationRecord implements Registration {
  readonly instance: Instance;
  readonly foundBy: string;
  readonly #parts: RegistrationParts;
  #wanted: 'up' | 'draining' | 'closed' = 'up';
  #there: There = 'no';
  #everThere = false;
  /** What the registry was told last. */
  #told: 'up' | 'draining' = 'up';
  #error: unknown;
  #troubleSince: number | undefined;
  #failures = 0;
  #renewAt = 0;
  #running: AbortController | undefined;
  /** What the request under way rejects with when something else is wanted. */
  #interruption: CrowflyError | undefined;
  #wake: (() => void) | undefined;
  #changed: (() => void)[] = [];
  #over = false;
  readonly #ended: Promise<void>;
  #drained: Promise<void> | undefined;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
    this.instance = parts.instance;
    this.foundBy = parts.foundBy;
    this.#ended = this.#run();
  }

  get state(): RegistrationState {
    if (this.#wanted === 'closed') return 'closed';
    if (this.#wanted === 'draining') return 'draining';
    if (this.#there === 'yes') return this.#troubleSince === undefined ? 'registered' : 'failing';
    return this.#everThere ? 'failing' : 'registering';
  }

  /** Id of the registry. */
  get registry(): string {
    return this.#parts.registry;
  }

  get error(): unknown {
    return this.#error;
  }

  async ready({
    timeoutMs = DEFAULTS.registration.readyMs,
  }: {
    readonly timeoutMs?: number;
  } = {}): Promise<void> {
    check.ms(1)(timeoutMs, 'ready.timeoutMs');
    let late = false;
    const timer = this.#parts.clock.after(
      timeoutMs,
      () => {
        late = true;
        this.#tellChanged();
      },
      true,
    );
    try {
      for (;;) {
        if (this.#wanted !== 'up') throw this.#gone();
        if (this.#there === 'yes') return;
        if (isCrowflyError(this.#error, 'denied') || isCrowflyError(this.#error, 'bad-option'))
          throw this.#error;
        if (late) throw this.#late(timeoutMs);
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    } finally {
      timer.cancel();
    }
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  close(): Promise<void> {
    if (this.#wanted !== 'closed') {
      this.#wanted = 'closed';
      this.#interrupt();
    }
    return this.#ended;
  }

  /** Something else is wanted: a heartbeat, or whatever else is under way, is of no use any more. */
  #interrupt(): void {
    this.#interruption = this.#gone();
    this.#running?.abort(this.#interruption);
    this.#tellChanged();
    this.#wake?.();
  }

  async #drain(): Promise<void> {
    if (this.#wanted === 'closed') return;
    this.#wanted = 'draining';
    this.#interrupt();
    // Nobody has heard of us: there is nothing to wait for.
    if (this.#there === 'no') return;
    const { clock, propagationMs } = this.#parts;
    // While the registry cannot be told, its clients cannot hear of it: they are not waited for without end.
    const bound = clock.now() + 2 * propagationMs;
    await this.#until(() => this.#isOut, Math.min(bound, clock.now() + propagationMs));
    await this.#until(() => false, Math.min(bound, clock.now() + propagationMs));
  }

  /** Whether the registry has taken us out of rotation. */
  get #isOut(): boolean {
    return this.#there === 'no' || (this.#told === 'draining' && this.#there === 'yes');
  }

  /** Until it holds, the time has come, or the registration is closed. */
  async #until(holds: () => boolean, at: number): Promise<void> {
    const { clock } = this.#parts;
    while (!holds() && this.#wanted !== 'closed' && clock.now() < at) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        timer = clock.after(at - clock.now(), resolve, true);
      });
      timer?.cancel();
    }
  }

  // --- the loop ---

  async #run(): Promise<void> {
    // After the caller has got hold of us.
    await undefined;
    while (this.#wanted !== 'closed') {
      const act = this.#next();
      if (act === undefined) await this.#idle(this.#untilDue());
      else await this.#attempt(act);
    }
    await this.#leave();
    this.#over = true;
    this.#tellChanged();
    this.#parts.ended();
  }

  /** What has to be done now. */
  #next(): (() => Promise<void>) | undefined {
    if (this.#wanted === 'draining') {
      // Nothing of an instance that leaves is put there anew.
      if (this.#there === 'no') return undefined;
      if (this.#there === 'maybe' || this.#parts.registrar.setState === undefined)
        return () => this.#deregister();
      if (this.#told !== 'draining') return () => this.#tellDraining();
    } else if (this.#there !== 'yes') return () => this.#register();
    return this.#parts.clock.now() >= this.#renewAt ? () => this.#renew() : undefined;
  }

  #untilDue(): number {
    return this.#there === 'yes' ? this.#renewAt - this.#parts.clock.now() : Number.POSITIVE_INFINITY;
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.#failures = 0;
    } catch (error) {
      if (error === this.#interruption) return;
      this.#trouble(error);
      await this.#idle(this.#retryMs());
    } finally {
      this.#running = undefined;
    }
  }

  async #register(): Promise<void> {
    const { registrar } = this.#parts;
    const standing = await this.#standing();
    const before = this.#there;
    this.#there = 'maybe';
    try {
      await this.#primitive('register', (io) => registrar.register(this.instance, standing, io));
    } catch (error) {
      // What was refused is not there.
      if (isCrowflyError(error, 'denied') || isCrowflyError(error, 'bad-option')) this.#there = before;
      throw error;
    }
    this.#there = 'yes';
    this.#told = 'up';
    this.#schedule(this.#parts.random());
    const again = this.#everThere;
    this.#everThere = true;
    this.#parts.events.emit('registered', { ...this.#about, instance: this.instance, again });
    this.#fine();
  }

  async #renew(): Promise<void> {
    const { registrar, random } = this.#parts;
    const standing = await this.#standing();
    const answer = await this.#primitive('renew', (io) => registrar.renew(this.instance, standing, io));
    if (answer === 'forgotten') this.#forgotten();
    else this.#fine();
    this.#schedule(random());
  }

  async #tellDraining(): Promise<void> {
    const { registrar } = this.#parts;
    const answer = await this.#primitive(
      'setState',
      async (io) => registrar.setState?.(this.instance, 'draining', io) ?? 'ok',
    );
    if (answer === 'forgotten') this.#forgotten();
    else this.#told = 'draining';
    this.#fine();
  }

  async #deregister(): Promise<void> {
    await this.#primitive('deregister', (io) => this.#parts.registrar.deregister(this.instance, io));
    this.#there = 'no';
    this.#parts.events.emit('deregistered', { ...this.#about, instance: this.instance });
    this.#fine();
  }

  /** Deregisters, unless that is done, or there never was anything. */
  async #leave(): Promise<void> {
    const { clock, closeMs, events } = this.#parts;
    const until = clock.now() + closeMs;
    while (this.#there !== 'no') {
      try {
        await this.#deregister();
      } catch (cause) {
        const left = until - clock.now();
        if (left <= 0) {
          events.emit('deregistered', { ...this.#about, instance: this.instance, cause });
          return;
        }
        await this.#sleep(Math.min(left, this.#retryMs()));
      }
    }
  }

  /** The registry lost us: a restarted agent has an empty memory. */
  #forgotten(): void {
    this.#there = 'no';
    this.#told = 'up';
    this.#tellChanged();
  }

  async #standing(): Promise<Standing> {
    const state = this.#wanted === 'draining' ? 'draining' : 'up';
    const { health, clock } = this.#parts;
    if (health === undefined) return { health: 'passing', state };
    let timer: Timer | undefined;
    const late = new Promise<Health>((resolve) => {
      timer = clock.after(DEFAULTS.registration.healthMs, () => resolve('critical'));
    });
    const asked = (async () => health())().catch((): Health => 'critical');
    const said = await Promise.race([asked, late]);
    timer?.cancel();
    return { health: said === 'passing' || said === 'warning' ? said : 'critical', state };
  }

  /** One request, ended when it takes too long or is of no use any more. */
  async #primitive<T>(what: string, run: (io: Io) => Promise<T>): Promise<T> {
    const { clock, registrar, closeMs, registry } = this.#parts;
    const ending = new AbortController();
    // A deregistration is what closing waits for: nothing ends it but its bound.
    if (what !== 'deregister') {
      this.#running = ending;
      // It was wanted before the user's `health` was asked.
      const over = this.#wanted === 'closed' || (this.#wanted === 'draining' && what === 'register');
      if (over) throw this.#interruption;
    }
    const longest = what === 'deregister' ? closeMs : registrar.renewMs(this.instance);
    const boundMs = Math.max(1, Math.min(PRIMITIVE_MS, longest));
    const timer = clock.after(
      boundMs,
      () => {
        const text = `${registry} did not answer to '${what}' of ${this.instance.id} within ${boundMs} ms`;
        ending.abort(new CrowflyError('registry-failed', text, { registry, service: this.instance.service }));
      },
      what === 'deregister',
    );
    const { signal } = ending;
    try {
      const ended = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      ended.catch(() => {});
      return await Promise.race([run({ signal }), ended]);
    } finally {
      timer.cancel();
      // Whatever goes on in spite of it is told that nobody waits.
      ending.abort(this.#gone());
    }
  }

  // --- time ---

  /** @param random uniform in [0, 1) */
  #schedule(random: number): void {
    const { clock, registrar } = this.#parts;
    this.#renewAt = clock.now() + registrar.renewMs(this.instance) * (1 - JITTER * random);
  }

  /** Within the time in which a heartbeat would have come: so soon the registry's return is noticed. */
  #retryMs(): number {
    const { registrar, random } = this.#parts;
    const longest = Math.min(RETRY_MAX_MS, registrar.renewMs(this.instance));
    const grown = Math.min(longest, RETRY_FIRST_MS * 2 ** Math.min(10, this.#failures++));
    return grown * (0.5 + random() / 2);
  }

  /** Until something else is wanted, or the time has passed. */
  async #idle(ms: number): Promise<void> {
    const wanted = this.#wanted;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#wanted !== wanted) resolve();
      else if (Number.isFinite(ms)) timer = this.#parts.clock.after(Math.max(0, ms), resolve);
    });
    this.#wake = undefined;
    timer?.cancel();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.after(Math.max(1, ms), resolve, true));
  }

  // --- what is said ---

  get #about(): { service: string; registry: string } {
    return { service: this.instance.service, registry: this.#parts.registry };
  }

  #trouble(error: unknown): void {
    this.#error = error;
    if (this.#troubleSince === undefined) {
      this.#troubleSince = this.#parts.clock.now();
      this.#parts.events.emit('registration-failed', {
        ...this.#about,
        instance: this.instance,
        cause: error,
      });
    }
    this.#tellChanged();
  }

  #fine(): void {
    const since = this.#troubleSince;
    this.#troubleSince = undefined;
    this.#error = undefined;
    if (since !== undefined) {
      const outageMs = this.#parts.clock.now() - since;
      this.#parts.events.emit('registration-recovered', {
        ...this.#about,
        instance: this.instance,
        outageMs,
      });
    }
    this.#tellChanged();
  }

  #tellChanged(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }

  #gone(): CrowflyError {
    const what = this.#over || this.#wanted === 'closed' ? 'was closed' : 'is leaving';
    return new CrowflyError('closed', `the registration of ${this.instance.id} ${what}: register again`);
  }

  #late(timeoutMs: number): CrowflyError {
    const text = `${this.instance.id} is not registered in ${this.#parts.registry} after ${timeoutMs} ms`;
    const why = this.#error instanceof Error ? `: ${this.#error.message}` : '';
    return new CrowflyError('timeout', `${text}${why}; it is tried on`, {
      cause: this.#error,
      ...this.#about,
    });
  }
}
