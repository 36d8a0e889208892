import {
  type Capabilities,
  CrowflyError,
  check,
  checkOptions,
  type Endpoint,
  type Feed,
  nameFault,
  type Problem,
  type RegistryFactory,
} from '@crowfly/core';
import { fingerprint } from './registry/instances.js';

/** An instance, or its `host:port`, which is then its id too. */
export type ScriptedInstance = Endpoint | `${string}:${number}`;

export interface ScriptedRegistryOptions {
  /** Default `scripted`. */
  readonly kind?: string;
  /** Default `scripted:test`. */
  readonly id?: string;
  /** Default: tells everything about instances, and unknown services from empty ones. */
  readonly supports?: Capabilities;
  /** The services that exist at the start. */
  readonly services?: Readonly<Record<string, readonly ScriptedInstance[]>>;
}

/** A registry whose every move a test commands. Each command takes effect at once, before it returns. */
export interface ScriptedRegistry {
  /** For `createDiscovery({ registry })`. Opened twice, both see the same services. */
  readonly factory: RegistryFactory;
  /** Makes `service` exist with exactly these instances. `problems`: entries that the registry had to skip, reported to every watch. */
  put(service: string, instances: readonly ScriptedInstance[], problems?: readonly Problem[]): void;
  /** Makes `service` not exist. */
  remove(service: string): void;
  /** Every watch (of one service, when named) rejects with `error`, running ones and later ones, until `heal`. */
  fail(error?: Error, service?: string): void;
  /** Says nothing more to any watch, running or later, until `heal`. */
  hang(): void;
  /** Ends `fail` and `hang`. Watches that hung hear what they missed. */
  heal(): void;
  /** Rejects the running watches once: a connection that broke. */
  drop(error?: Error): void;
  /** Watches running now: of one service, or in all. */
  watching(service?: string): number;
  /** Watches started so far: of one service, or in all. */
  started(service?: string): number;
  /** Registries opened and not closed. */
  readonly open: number;
}

const EVERYTHING: Capabilities = {
  unknown: true,
  zones: true,
  weights: true,
  priorities: true,
  draining: true,
  resync: true,
};

interface Watch {
  readonly service: string;
  readonly feed: Feed;
  said: string | undefined;
  told: readonly Problem[] | undefined;
  reject(error: Error): void;
}

/**
 * A registry in memory, for tests of what is built on crowfly: no timers, no I/O, everything synchronous, so that it
 * goes well with a virtual clock. It keeps the contract itself: whole sets, sorted by id, each content once.
 *
 * @throws CrowflyError `bad-option`
 */
export function scriptedRegistry(options: ScriptedRegistryOptions = {}): ScriptedRegistry {
  checkOptions('scriptedRegistry', options, {
    kind: check.string,
    id: check.string,
    supports: check.anyObject,
    services: check.table(check.list(() => {}, 'a list of instances')),
  });
  return new Script(options);
}

class Script implements ScriptedRegistry {
  readonly factory: RegistryFactory;
  readonly #supports: Capabilities;
  readonly #services = new Map<string, { endpoints: readonly Endpoint[]; problems: readonly Problem[] }>();
  readonly #watches = new Set<Watch>();
  readonly #started = new Map<string, number>();
  readonly #failures = new Map<string | undefined, Error>();
  #hung = false;
  #open = 0;

  constructor({
    kind = 'scripted',
    id = 'scripted:test',
    supports = EVERYTHING,
    services = {},
  }: ScriptedRegistryOptions) {
    this.#supports = supports;
    for (const [service, instances] of Object.entries(services)) this.put(service, instances);
    this.factory = () => {
      this.#open++;
      let open = true;
      return {
        kind,
        id,
        supports,
        locate: (target) => {
          const name = typeof target === 'string' ? target : target.host;
          return nameFault(name) === undefined && !name.includes('.') && name !== 'localhost'
            ? { key: name }
            : undefined;
        },
        watch: ({ key }, feed) => this.#watch(key, feed),
        close: async () => {
          if (open) this.#open--;
          open = false;
        },
      };
    };
  }

  get open(): number {
    return this.#open;
  }

  put(service: string, instances: readonly ScriptedInstance[], problems: readonly Problem[] = []): void {
    const endpoints = instances.map(read).sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#services.set(service, { endpoints, problems });
    this.#tell();
  }

  remove(service: string): void {
    this.#services.delete(service);
    this.#tell();
  }

  fail(error = new Error('the scripted registry was told to fail'), service?: string): void {
    this.#failures.set(service, error);
    for (const watch of [...this.#watches]) {
      if (service === undefined || watch.service === service) watch.reject(error);
    }
  }

  hang(): void {
    this.#hung = true;
  }

  heal(): void {
    this.#hung = false;
    this.#failures.clear();
    this.#tell();
  }

  drop(error = new Error('the scripted registry was told to drop its watches')): void {
    for (const watch of [...this.#watches]) watch.reject(error);
  }

  watching(service?: string): number {
    return [...this.#watches].filter((watch) => service === undefined || watch.service === service).length;
  }

  started(service?: string): number {
    if (service !== undefined) return this.#started.get(service) ?? 0;
    return [...this.#started.values()].reduce((sum, count) => sum + count, 0);
  }

  #watch(service: string, feed: Feed): Promise<void> {
    this.#started.set(service, this.started(service) + 1);
    return new Promise((resolve, reject) => {
      if (feed.signal.aborted) return resolve();
      const end = (settle: () => void): void => {
        this.#watches.delete(watch);
        feed.signal.removeEventListener('abort', stop);
        settle();
      };
      const stop = (): void => end(resolve);
      const watch: Watch = {
        service,
        feed,
        said: undefined,
        told: undefined,
        reject: (error) => end(() => reject(error)),
      };
      feed.signal.addEventListener('abort', stop, { once: true });
      this.#watches.add(watch);
      const failure = this.#failures.get(service) ?? this.#failures.get(undefined);
      if (failure !== undefined) watch.reject(failure);
      else this.#tell();
    });
  }

  #tell(): void {
    if (this.#hung) return;
    for (const watch of [...this.#watches]) this.#say(watch);
  }

  #say(watch: Watch): void {
    const state = this.#services.get(watch.service);
    const endpoints = state?.endpoints ?? (this.#supports.unknown ? undefined : []);
    const said = endpoints === undefined ? 'unknown' : fingerprint(endpoints);
    if (said !== watch.said) {
      watch.said = said;
      if (endpoints === undefined) watch.feed.unknown(`there is no scripted service '${watch.service}'`);
      else watch.feed.publish([...endpoints]);
    }
    if (state === undefined || state.problems === watch.told) return;
    watch.told = state.problems;
    for (const problem of state.problems) watch.feed.report(problem);
  }
}

/** A copy of its own, so that no test changes what was published. */
function read(instance: ScriptedInstance): Endpoint {
  if (typeof instance !== 'string') return structuredClone(instance);
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(instance);
  if (match === null) throw new CrowflyError('bad-option', "put: an instance is an endpoint or 'host:port'");
  return { id: instance, host: match[1] ?? match[2] ?? '', port: Number(match[3]) };
}
