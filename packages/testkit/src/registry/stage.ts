import type { Capabilities, Endpoint, Registry, ServiceRef, Target } from '@crowfly/core';
import { seededRandom } from '@crowfly/core/testing';
import { CountingClock } from './counting-clock.js';
import { makeInstances, shuffled } from './instances.js';
import { Breach } from './rules.js';
import type { Traffic } from './traffic.js';
import type { RegistryHarness } from './types.js';
import { pass, until } from './wait.js';
import { Watched } from './watched.js';

export interface Limits {
  readonly timeoutMs: number;
  readonly quietMs: number;
  readonly abortMs: number;
  readonly maxRequestsPerSecond: number;
  readonly seed: number;
}

/** Most instances that an ordinary test puts. */
const SEVERAL = 50;
let stages = 0;

/** One test's world: services with names of their own, registries opened for it, and what must be tidied up. */
export class Stage {
  readonly harness: RegistryHarness;
  readonly limits: Limits;
  readonly traffic: Traffic;
  readonly supports: Capabilities;
  readonly clock = new CountingClock();
  readonly random: () => number;
  /** What a test wants the closing summary to say. */
  readonly notes: string[] = [];
  readonly #number = ++stages;
  readonly #services = new Set<string>();
  readonly #registries: Registry[] = [];
  readonly #watches: Watched[] = [];
  #registry: Registry | undefined;

  constructor(harness: RegistryHarness, supports: Capabilities, limits: Limits, traffic: Traffic) {
    this.harness = harness;
    this.supports = supports;
    this.limits = limits;
    this.traffic = traffic;
    this.random = seededRandom(limits.seed + this.#number);
  }

  /** A service name that nothing has used before. */
  name(): string {
    const name = `kit-${this.limits.seed.toString(36)}-${this.#number}-${this.#services.size}`;
    this.#services.add(name);
    return name;
  }

  /** The registry of this test, opened on first use: a backend that cannot change is filled before. */
  get registry(): Registry {
    this.#registry ??= this.open();
    return this.#registry;
  }

  /** Another registry of the same factory. */
  open(): Registry {
    const registry = this.harness.factory({ clock: this.clock, random: this.random, self: {} });
    this.#registries.push(registry);
    return registry;
  }

  /** How many instances an ordinary test uses. */
  get several(): number {
    return Math.min(SEVERAL, this.harness.maxInstances ?? SEVERAL);
  }

  instances(count: number, from = 0): Endpoint[] {
    return makeInstances(count, this.supports, this.harness.port, from);
  }

  shuffled<T>(list: readonly T[]): T[] {
    return shuffled(list, this.random);
  }

  async put(service: string, endpoints: readonly Endpoint[]): Promise<void> {
    await this.harness.put(service, endpoints);
  }

  /** A service that exists with these instances. */
  async populated(endpoints: readonly Endpoint[]): Promise<string> {
    const service = this.name();
    await this.put(service, endpoints);
    return service;
  }

  targets(service: string): readonly [Target, ...Target[]] {
    const [first = service, ...others] = this.harness.targets?.(service) ?? [
      service,
      { scheme: 'http', host: service },
    ];
    return [first, ...others];
  }

  locate(service: string, registry = this.registry): ServiceRef {
    const ref = registry.locate(this.targets(service)[0]);
    if (ref !== undefined) return ref;
    throw new Breach(
      'locate',
      `${registry.id} does not locate '${service}', which the kit put there`,
      'Return a ServiceRef for names of this registry; or give setup().targets when its services are called in another way',
    );
  }

  watch(service: string, registry = this.registry, aborted = false): Watched {
    const ref = this.locate(service, registry);
    const secrets = this.harness.secrets ?? [];
    const watched = new Watched({ registry, ref, secrets, ...this.limits }, aborted);
    this.#watches.push(watched);
    return watched;
  }

  /** Requests so far, as the harness or Node counts them. */
  get requests(): number {
    return this.harness.requests?.() ?? this.traffic.requests;
  }

  /** A window in which nothing may happen. */
  async quiet(): Promise<void> {
    await pass(this.limits.quietMs);
  }

  /** Closes a registry; not again at the end. */
  async close(registry: Registry): Promise<void> {
    const index = this.#registries.indexOf(registry);
    if (index >= 0) this.#registries.splice(index, 1);
    await registry.close?.();
  }

  /** Ends everything, tidies the backend, and then says what was wrong besides what the test looked at. */
  async end(): Promise<void> {
    for (const watched of this.#watches) watched.abort();
    await until(() => this.#watches.every((watched) => !watched.running), this.limits.abortMs);
    for (const registry of [...this.#registries]) await this.close(registry);
    await this.harness.heal?.();
    for (const service of this.#services) await this.harness.remove(service);
    for (const watched of this.#watches) watched.check();
  }
}
