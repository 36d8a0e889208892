import type {
  Clock,
  Endpoint,
  Feed,
  Registry,
  RegistryContext,
  RegistryFactory,
  ServiceRef,
  Target,
} from '@crowfly/core';

/** One run of `watch`, in the hands of a test. */
export class ScriptedWatch {
  readonly service: ServiceRef;
  readonly feed: Feed;
  readonly startedAt: number;
  readonly settled: Promise<void>;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(service: ServiceRef, feed: Feed, startedAt: number) {
    this.service = service;
    this.feed = feed;
    this.startedAt = startedAt;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.settled.catch(() => {});
  }

  publish(endpoints: unknown): void {
    this.feed.publish(endpoints as readonly Endpoint[]);
  }

  unknown(reason = 'it is not in the script'): void {
    this.feed.unknown(reason);
  }

  fail(error: unknown = new Error('the backend is down')): void {
    this.#reject(error);
  }

  end(): void {
    this.#resolve();
  }
}

export interface ScriptedRegistryOptions {
  readonly id?: string;
  /** What `locate` answers; default: every single-label name is a service of that name. */
  locate?(target: Target): ServiceRef | undefined;
  /** Called at the start of each watch, inside of `watch`. May publish, or throw. */
  onWatch?(watch: ScriptedWatch, index: number): void;
  /** Whether a watch settles when its feed's signal aborts. Default true. */
  readonly settles?: boolean;
}

/** A registry in memory that does what a test tells it to, and counts what it is asked. */
export class ScriptedRegistry implements Registry {
  readonly kind = 'scripted';
  readonly id: string;
  readonly supports = { unknown: true, weights: true, draining: true, priorities: true, zones: true };
  /** Every run of `watch` so far. */
  readonly watches: ScriptedWatch[] = [];
  context: RegistryContext | undefined;
  closes = 0;
  locates = 0;
  onWatch: ((watch: ScriptedWatch, index: number) => void) | undefined;
  readonly #options: ScriptedRegistryOptions;
  readonly #clock: Clock | undefined;

  constructor(options: ScriptedRegistryOptions = {}, clock?: Clock) {
    this.id = options.id ?? 'scripted:test';
    this.onWatch = options.onWatch;
    this.#options = options;
    this.#clock = clock;
  }

  readonly factory: RegistryFactory = (context) => {
    this.context = context;
    return this;
  };

  locate(target: Target): ServiceRef | undefined {
    this.locates++;
    if (this.#options.locate !== undefined) return this.#options.locate(target);
    const name = typeof target === 'string' ? target : target.host;
    return /^[a-z0-9_-]+$/.test(name) ? { key: name } : undefined;
  }

  watch(service: ServiceRef, feed: Feed): Promise<void> {
    const watch = new ScriptedWatch(service, feed, (this.context?.clock ?? this.#clock)?.now() ?? 0);
    this.watches.push(watch);
    if (this.#options.settles !== false) {
      feed.signal.addEventListener('abort', () => watch.end(), { once: true });
    }
    this.onWatch?.(watch, this.watches.length - 1);
    return watch.settled;
  }

  async close(): Promise<void> {
    this.closes++;
  }

  /** The latest watch, of one service or of any. */
  last(key?: string): ScriptedWatch {
    const found = this.watches.filter(({ service }) => key === undefined || service.key === key).at(-1);
    if (found === undefined) throw new Error(`nothing was watched yet (${key ?? 'any service'})`);
    return found;
  }

  /** Watches whose signal has not aborted. */
  get open(): readonly ScriptedWatch[] {
    return this.watches.filter(({ feed }) => !feed.signal.aborted);
  }
}
