import { CrowflyError, type Endpoint, type Engine } from '@crowfly/core';

/** What a client keeps per instance: a connection pool, an agent. */
export interface Closable {
  /** Takes nothing new, lets what is under way finish, then frees everything. */
  close(): Promise<unknown> | unknown;
  /** Frees everything now; what is under way fails. */
  destroy(): Promise<unknown> | unknown;
}

/** Where the resource of an entry leads. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface PerInstanceOptions<T extends Closable> {
  /**
   * @param variant as given to `get`: whatever besides the address must not be shared, such as the identity that TLS
   *   has to prove
   */
  create(address: Address, variant: string): T;
  /** How long a resource may take to close once its instance left (default 60,000), and once `close` was called (1,000). */
  readonly retireMs?: number;
  readonly closeMs?: number;
}

/**
 * One resource per address and variant, shared by all services that have an instance there. Made on first use; retired
 * when the last service that used it lost the instance and the calls to it ended.
 */
export interface PerInstance<T extends Closable> {
  /**
   * The resource for an instance.
   *
   * @param service the key of the service that the call is for: as in the events of the engine
   * @throws CrowflyError `closed` after `close()`
   */
  get(service: string, endpoint: Endpoint, variant: string): T;
  /** Resources that are open. */
  readonly size: number;
  /** Idempotent. Settles when all resources are closed, at the latest a little after `closeMs`. */
  close(): Promise<void>;
}

/** What `get` answered last for an endpoint: most calls ask the same again. */
interface Recent<T> {
  readonly service: string;
  readonly variant: string;
  readonly resource: T;
  readonly departures: number;
}

interface Entry<T> {
  readonly resource: T;
  /** `<service> <endpoint id>` of the instances that it is there for. */
  readonly users: Set<string>;
}

/**
 * Keep the result with `engine.own(key, () => createPerInstance(engine, ...))`: all clients of one engine then share it,
 * and `engine.close()` closes it.
 */
export function createPerInstance<T extends Closable>(
  engine: Pick<Engine, 'on'>,
  { create, retireMs = 60_000, closeMs = 1_000 }: PerInstanceOptions<T>,
): PerInstance<T> {
  const entries = new Map<string, Entry<T>>();
  /** Which entries an instance uses, so that its leaving costs what it used and not a scan. */
  const byUser = new Map<string, Set<string>>();
  const retiring = new Set<Retirement>();
  const recent = new WeakMap<Endpoint, Recent<T>>();
  /** Counts what makes `recent` wrong. */
  let departures = 0;
  let closing: Promise<void> | undefined;

  const retire = (key: string, entry: Entry<T>): void => {
    entries.delete(key);
    const retirement = new Retirement(entry.resource, retireMs);
    retiring.add(retirement);
    void retirement.done.then(() => retiring.delete(retirement));
  };

  const unsubscribe = engine.on('left', ({ service, endpoint }) => {
    const user = `${service} ${endpoint.id}`;
    departures++;
    for (const key of byUser.get(user) ?? []) {
      const entry = entries.get(key);
      entry?.users.delete(user);
      if (entry?.users.size === 0) retire(key, entry);
    }
    byUser.delete(user);
  });

  const open = (key: string, endpoint: Endpoint, variant: string): Entry<T> => {
    if (closing) throw new CrowflyError('closed', 'the discovery was closed: create a new one for new calls');
    const entry = {
      resource: create({ host: endpoint.host, port: endpoint.port }, variant),
      users: new Set<string>(),
    };
    entries.set(key, entry);
    return entry;
  };

  const closeAll = async (): Promise<void> => {
    unsubscribe();
    departures++;
    byUser.clear();
    for (const [key, entry] of entries) retire(key, entry);
    const all = [...retiring];
    // Keeps the process alive, as the caller of `close` waits for it.
    const timer = setTimeout(() => all.map((retirement) => retirement.force()), closeMs);
    await Promise.all(all.map((retirement) => retirement.done));
    clearTimeout(timer);
  };

  const find = (service: string, endpoint: Endpoint, variant: string): T => {
    const key = `${variant} ${endpoint.host} ${endpoint.port}`;
    const { resource, users } = entries.get(key) ?? open(key, endpoint, variant);
    const user = `${service} ${endpoint.id}`;
    users.add(user);
    const used = byUser.get(user);
    if (used === undefined) byUser.set(user, new Set([key]));
    else used.add(key);
    return resource;
  };

  return {
    get(service, endpoint, variant) {
      const last = recent.get(endpoint);
      if (last?.departures === departures && last.service === service && last.variant === variant) {
        return last.resource;
      }
      const resource = find(service, endpoint, variant);
      recent.set(endpoint, { service, variant, resource, departures });
      return resource;
    },
    get size() {
      return entries.size;
    },
    close() {
      closing ??= closeAll();
      return closing;
    },
  };
}

/** Closes a resource in order, and by force when that takes too long. Never fails: nobody could act on it. */
class Retirement {
  readonly done: Promise<void>;
  readonly force: () => void;

  constructor(resource: Closable, withinMs: number) {
    let force = (): void => {};
    const forced = new Promise<true>((resolve) => {
      force = () => resolve(true);
    });
    this.force = force;
    const timer = setTimeout(force, withinMs);
    timer.unref();
    this.done = close(resource, forced).finally(() => clearTimeout(timer));
  }
}

async function close(resource: Closable, forced: Promise<true>): Promise<void> {
  try {
    const closed = (async () => void (await resource.close()))();
    if (await Promise.race([closed, forced])) await resource.destroy();
  } catch {
    await (async () => resource.destroy())().catch(() => {});
  }
}
