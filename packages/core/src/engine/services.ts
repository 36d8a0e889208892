import { LRUCache } from 'lru-cache';
import { CrowflyError } from '../errors.js';
import { type Located, refId } from './directory.js';
import { Service, type ServiceContext } from './service.js';
import type { Settings } from './settings.js';
import { trouble } from './trouble.js';

/** Not called for this long, a service may make room for another. */
const IDLE_MS = 600_000;
/** A name that its registry does not know is not asked for again within this time... */
const UNKNOWN_MS = 5_000;
/** ...for this many names: they may come from outside. */
const MAX_UNKNOWN = 1_000;

export interface ServicesOptions {
  readonly max: number;
  readonly context: Omit<ServiceContext, 'backoff' | 'changed'>;
  settings(located: Located): Settings;
}

/** The services in use: a bounded table that never evicts a live one. */
export class Services {
  readonly #o: ServicesOptions;
  readonly #inUse: LRUCache<string, Service>;
  readonly #unknown: LRUCache<string, string>;

  constructor(options: ServicesOptions) {
    this.#o = options;
    this.#inUse = new LRUCache({ max: options.max });
    this.#unknown = new LRUCache({
      max: MAX_UNKNOWN,
      ttl: UNKNOWN_MS,
      ttlResolution: 0,
      perf: { now: () => options.context.clock.now() },
    });
  }

  /**
   * The service of a name, followed from now on.
   *
   * @throws CrowflyError `unknown-service` while its absence is fresh knowledge; `too-many-services`
   */
  get(located: Located): Service {
    const service = this.#inUse.get(located.id);
    if (service !== undefined) {
      service.lastUsed = this.#o.context.clock.now();
      return service;
    }
    const absent = this.#unknown.get(located.id);
    if (absent !== undefined) {
      const about = { service: refId(located.ref), registry: located.source.registry.id };
      throw trouble({ ...about, snapshot: { status: 'unknown', reason: absent }, problems: [] }, false, 0);
    }
    return this.#create(located, 0);
  }

  /** As `get`, and it stays followed, even while unknown, until one of its `pins` is taken back. */
  pin(located: Located): Service {
    const service = this.#inUse.get(located.id);
    if (service === undefined) return this.#create(located, 1);
    service.pins++;
    return service;
  }

  *[Symbol.iterator](): Iterator<Service> {
    yield* this.#inUse.values();
  }

  /** Names of the services in use that are other ports of the same one. */
  otherPorts({ ref, registry }: Service): readonly string[] {
    return [...this]
      .filter(
        (other) => other.registry === registry && other.ref.key === ref.key && other.ref.port !== ref.port,
      )
      .map((other) => refId(other.ref))
      .sort();
  }

  async close(): Promise<void> {
    const services = [...this.#inUse.values()];
    this.#inUse.clear();
    await Promise.all(services.map((service) => service.close()));
  }

  #create(located: Located, pins: number): Service {
    if (this.#inUse.size >= this.#o.max) this.#makeRoom(located);
    const { registry, backoff } = located.source;
    const context = { ...this.#o.context, backoff, changed: () => this.#changed(located.id, service) };
    const service: Service = new Service(located.ref, registry, this.#o.settings(located), context);
    service.pins = pins + (located.configured ? 1 : 0);
    this.#inUse.set(located.id, service);
    service.start();
    return service;
  }

  /** A name may have been made up by anyone: one that its registry does not know is not followed unless that was asked for. */
  #changed(id: string, service: Service): void {
    const { snapshot } = service;
    if (snapshot.status !== 'unknown' || service.everReady || service.pins > 0) return;
    this.#unknown.set(id, snapshot.reason);
    this.#inUse.delete(id);
    void service.close();
  }

  /** Services without instances go first: with a registry that cannot tell, names that someone made up look like that. */
  #makeRoom(located: Located): void {
    const victim =
      this.#least((service) => !service.hasMembers) ?? this.#least((service) => this.#isIdle(service));
    if (victim !== undefined) {
      void this.#inUse.peek(victim)?.close();
      this.#inUse.delete(victim);
      return;
    }
    throw new CrowflyError(
      'too-many-services',
      `'${located.ref.key}' would be one service more than limits.maxServices (${this.#o.max}), all of them in use: raise it, or check where the names come from`,
      { service: located.ref.key, registry: located.source.registry.id },
    );
  }

  #isIdle(service: Service): boolean {
    return this.#o.context.clock.now() - service.lastUsed >= IDLE_MS;
  }

  /** The least recently used one of those that nobody counts on. */
  #least(fits: (service: Service) => boolean): string | undefined {
    for (const id of this.#inUse.rkeys()) {
      const service = this.#inUse.peek(id);
      if (
        service !== undefined &&
        service.pins === 0 &&
        service.open === 0 &&
        !service.isAwaited &&
        fits(service)
      )
        return id;
    }
    return undefined;
  }
}
