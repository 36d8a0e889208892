import type { Lease, Transport } from '../contract/call.js';
import type { Clock } from '../contract/clock.js';
import type { Endpoint } from '../contract/endpoint.js';
import type { RegistryFactory, Self } from '../contract/registry.js';
import type { Snapshot } from '../contract/snapshot.js';
import type { Strategy } from '../contract/strategy.js';
import { CrowflyError } from '../errors.js';
import { EventHub, type EventName, type Listener } from '../events.js';
import { check } from '../options.js';
import { ActiveCall } from './active-call.js';
import type {
  AcquireOptions,
  CallRequest,
  Engine,
  EngineOptions,
  Explanation,
  Limits,
  Route,
} from './api.js';
import { Backoff } from './backoff.js';
import { type CallContext, ServiceCall, waitForSet } from './call.js';
import { connectProbe } from './connect-probe.js';
import { DEFAULTS } from './defaults.js';
import { Directory, type Located, type LocatedRoute, type Source } from './directory.js';
import { type DiscoveryHealth, healthOf } from './discovery-health.js';
import { explainService, explainTrouble } from './explain.js';
import type { RegisterOptions, Registration } from './registration/api.js';
import { checkRegisterOptions } from './registration/instance.js';
import { Registrations } from './registration/registrations.js';
import { resolveSelf } from './self.js';
import type { Service } from './service.js';
import { Services } from './services.js';
import { checkEngineOptions, checkListener, checkReady, layer, resolveSettings } from './settings.js';
import { systemClock } from './system-clock.js';
import { consoleLogger, logEvents } from './warnings.js';

/**
 * Service discovery and choice of instances, without any client. Most users want `createDiscovery` of the package
 * `crowfly`, which adds fetch and a default strategy.
 *
 * @param strategy how instances are chosen where no option says otherwise
 * @throws CrowflyError `bad-option` with the path of what is wrong
 */
export function createEngine<Name extends string = string>(
  strategy: Strategy,
  options: EngineOptions<Name> = {},
): Engine<Name> {
  checkEngineOptions(options);
  return new EngineRecord(strategy, options as EngineOptions);
}

/** While closing: how often to look whether calls are in flight, and for how long a body may stand still. */
const DRAIN_POLL_MS = 20;
const QUIET_MS = 500;

interface Owned {
  close(): Promise<void> | void;
}

class EngineRecord implements Engine {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: EventHub;
  readonly #limits: Limits;
  readonly #self: Self;
  readonly #directory: Directory;
  readonly #services: Services;
  readonly #context: CallContext;
  readonly #registrations: Registrations;
  readonly #sources = new Map<RegistryFactory, Source>();
  readonly #owned = new Map<symbol, Owned>();
  readonly #calls = new Set<{ end(reason: unknown): void }>();
  #closing: Promise<void> | undefined;

  constructor(strategy: Strategy, options: EngineOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#limits = layer<Limits>(DEFAULTS.limits, options.limits);
    const env = options.env === false ? {} : (options.env ?? process.env);
    this.#self = resolveSelf(options.self, env);
    const logger = options.logger === false ? undefined : (options.logger ?? consoleLogger);
    this.#events = new EventHub(logger ?? { info() {}, warn() {} });
    if (logger !== undefined) logEvents(this.#events, logger);
    this.#directory = new Directory(options, env, (create) => this.#open(create));
    this.#context = { clock: this.#clock, random: this.#random, events: this.#events };
    const { firstSetMs, maxServices, maxEndpoints, closeMs } = this.#limits;
    this.#registrations = new Registrations({ ...this.#context, self: this.#self, env, closeMs });
    this.#services = new Services({
      max: maxServices,
      context: { ...this.#context, probe: options.probe ?? connectProbe, maxEndpoints, self: this.#self },
      settings: ({ row }) => resolveSettings(strategy, options.defaults ?? {}, row, firstSetMs),
    });
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  route(url: URL): Route | undefined {
    return this.#directory.route(url);
  }

  async call<T>(route: Route, request: CallRequest, transport: Transport<T>): Promise<T> {
    const { located, tls } = route as LocatedRoute;
    if (request.signal?.aborted) throw request.signal.reason;
    const call = new ServiceCall(this.#context, this.#service(located), tls, request, transport);
    this.#calls.add(call);
    try {
      return await call.run();
    } finally {
      this.#calls.delete(call);
    }
  }

  async acquire(target: string | Route, options: AcquireOptions = {}): Promise<Lease> {
    const route = typeof target === 'object' && target !== null ? (target as LocatedRoute) : undefined;
    const located = route?.located ?? this.#directory.locate(target as string);
    const tls = route?.tls ?? false;
    const service = this.#service(located);
    const call = new ActiveCall(this.#clock, options.key, options.signal);
    try {
      if (call.ended !== undefined) throw call.ended.reason;
      await this.#firstSet(call, service);
      call.nextTry(0);
      const lease = service.acquire(call, tls, 'nothing');
      if (lease === undefined) throw service.trouble(tls);
      return lease;
    } finally {
      call.finish();
    }
  }

  async ready(names?: readonly string[], options: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkReady(names, options);
    if (names === undefined && this.#directory.configured.length === 0) {
      throw new CrowflyError(
        'bad-option',
        "ready: there is nothing to wait for: name the services, as in ready(['orders']), or list them in `services`",
        { path: 'ready' },
      );
    }
    const services = (names ?? this.#directory.configured).map((name) => this.#pinned(name));
    await Promise.all(
      services.map(async (service) => {
        await this.#withSet(service, options.timeoutMs);
        if (service.snapshot.status !== 'ready' && service.snapshot.status !== 'stale')
          throw service.trouble();
      }),
    );
  }

  async instances(name: string): Promise<readonly Endpoint[]> {
    const service = this.#named(name);
    await this.#withSet(service);
    const { snapshot } = service;
    if (snapshot.status !== 'ready' && snapshot.status !== 'stale') throw service.trouble();
    return snapshot.endpoints;
  }

  watch(name: string, listener: (snapshot: Snapshot) => void): () => void {
    check.function(listener, 'watch: its listener');
    const service = this.#pinned(name);
    const stop = service.watch(listener);
    let watching = true;
    return () => {
      if (watching) service.pins--;
      watching = false;
      stop();
    };
  }

  async explain(name: string): Promise<Explanation> {
    let service: Service;
    try {
      service = this.#named(name);
    } catch (error) {
      return explainTrouble(String(name), error);
    }
    // What keeps it from having a set is part of the explanation.
    await this.#withSet(service).catch(() => {});
    return explainService(service, this.#services.otherPorts(service), this.#clock);
  }

  register(options: RegisterOptions): Registration {
    checkRegisterOptions(options);
    if (this.closed) throw closedError();
    const { source, ref } = this.#directory.home(options.service, options.registry);
    return this.#registrations.add(options, source.registry, ref.key);
  }

  health(): DiscoveryHealth {
    const services = [...this.#services].filter(({ pins }) => pins > 0);
    return healthOf(
      this.closed,
      services.map((service) => ({
        ...service.about,
        status: service.snapshot.status,
        eligible: service.pool.eligible.length,
      })),
      this.#registrations.all.map(({ instance, state, registry }) => ({
        service: instance.service,
        registry,
        id: instance.id,
        state,
      })),
    );
  }

  on<N extends EventName>(name: N, listener: Listener<N>): () => void {
    checkListener(name, listener);
    return this.#events.on(name, listener);
  }

  own<T extends Owned>(key: symbol, create: () => T): T {
    let owned = this.#owned.get(key) as T | undefined;
    if (owned === undefined) {
      if (this.closed) throw closedError();
      owned = create();
      this.#owned.set(key, owned);
    }
    return owned;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#registrations.close(), this.#drained()]);
    for (const call of this.#calls) call.end(closedError());
    // A watch that does not end when it is told to must not keep its registry and the pools open.
    await this.#within(this.#services.close());
    await this.#within(this.#release());
    this.#events.clear();
  }

  /** Resolves when no call is in flight and no body moves, or the bound is reached. */
  async #drained(): Promise<void> {
    const until = this.#clock.now() + this.#limits.closeMs;
    const busy = (): boolean =>
      this.#calls.size > 0 || [...this.#services].some((service) => service.busy(QUIET_MS));
    while (busy() && this.#clock.now() < until) await this.#wait(DRAIN_POLL_MS).done;
  }

  async #within(done: Promise<void>): Promise<void> {
    const bound = this.#wait(this.#limits.closeMs);
    await Promise.race([done, bound.done]);
    bound.cancel();
  }

  async #release(): Promise<void> {
    const closing = [...this.#sources.values()].map(async ({ registry }) => registry.close?.());
    const owned = [...this.#owned.values()].map(async (one) => one.close());
    await Promise.allSettled([...closing, ...owned]);
  }

  #wait(ms: number): { done: Promise<void>; cancel(): void } {
    let cancel = (): void => {};
    const done = new Promise<void>((resolve) => {
      const timer = this.#clock.after(ms, resolve, true);
      cancel = () => timer.cancel();
    });
    return { done, cancel };
  }

  #open(create: RegistryFactory): Source {
    let source = this.#sources.get(create);
    if (source === undefined) {
      const registry = create({ clock: this.#clock, random: this.#random, self: this.#self });
      source = { registry, backoff: new Backoff(this.#clock, this.#random) };
      this.#sources.set(create, source);
    }
    return source;
  }

  #named(name: string): Service {
    return this.#service(this.#directory.locate(name));
  }

  #pinned(name: string): Service {
    const located = this.#directory.locate(name);
    if (this.closed) throw closedError();
    return this.#services.pin(located);
  }

  #service(located: Located): Service {
    if (this.closed) throw closedError();
    return this.#services.get(located);
  }

  async #withSet(service: Service, timeoutMs?: number): Promise<void> {
    const call = new ActiveCall(this.#clock, undefined, undefined);
    try {
      await this.#firstSet(call, service, timeoutMs);
    } finally {
      call.finish();
    }
  }

  async #firstSet(call: ActiveCall, service: Service, withinMs?: number): Promise<void> {
    if (service.settled) return;
    this.#calls.add(call);
    try {
      await waitForSet(call, service, withinMs);
    } finally {
      this.#calls.delete(call);
    }
  }
}

function closedError(): CrowflyError {
  return new CrowflyError('closed', 'this discovery was closed: create another one, or close it later');
}
