import { type Clock, CrowflyError, isCrowflyError, sleep } from '@crowfly/core';
import { TokenBucket } from '@crowfly/http';
import type { ApiClient, Collection, WatchEvent } from '../api/client.js';
import { resourceVersionOf } from '../api/resource-version.js';
import { Expired, streamError } from '../api/status.js';
import { type Parsed, parseEndpointSlice, parseEndpoints } from '../parse.js';
import type { View } from '../service/view.js';
import { patiently } from './patience.js';
import type { RateLimits } from './rate-limits.js';
import { selectorOf } from './selector.js';
import { Store } from './store.js';
import { Views } from './views.js';
import { type End, WatchSession } from './watch-session.js';

/** Services that begin to be followed within this time share one list. Random, so that a fleet does not start as one. */
const START_MS = 10;
/** How long the server keeps a watch open, in seconds: random, as it should not end everybody's at once. */
const WATCH_S = [300, 600] as const;
/** A watch that ends sooner, without a word, is no good one. */
const SHORT_MS = 1_000;
/** As burst and interval in milliseconds: watches that the server ends, and lists for services that are added. */
const WATCHES = [5, 1_000] as const;
const ADDITIONS = [20, 1_000] as const;
/** How often in a row the server may say that a fresh version has expired. */
const MAX_EXPIRED = 3;

export interface NamespaceWatchOptions {
  readonly namespace: string;
  readonly resource: Collection['resource'];
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly limits: RateLimits;
  random(): number;
}

/**
 * One list and watch for all services in use of one namespace. When it fails, all of them fail, and it begins anew with
 * the first that is followed again: the core wakes them together.
 */
export class NamespaceWatch {
  readonly #o: NamespaceWatchOptions;
  readonly #views = new Views();
  readonly #store = new Store();
  readonly #ended: TokenBucket;
  readonly #added: TokenBucket;
  /** The services that the store is true for. */
  #synced: ReadonlySet<string> = new Set();
  /** Of what was seen last: where to go on watching. */
  #version = '';
  /** What is listed may not be older, whichever server answers. '0': of any age; undefined: the latest. */
  #notOlderThan: string | undefined = '0';
  #known = false;
  #closed = false;
  #running: AbortController | undefined;
  #session: WatchSession | undefined;

  constructor(options: NamespaceWatchOptions) {
    this.#o = options;
    this.#ended = new TokenBucket(options.clock, ...WATCHES);
    this.#added = new TokenBucket(options.clock, ...ADDITIONS);
  }

  /** Something was seen in it: nobody made it up. */
  get known(): boolean {
    return this.#known;
  }

  /** Nobody follows anything. */
  get idle(): boolean {
    return this.#views.empty;
  }

  /** Keeps the view up to date until `signal` aborts; rejects when the watch fails. */
  async follow(view: View, signal: AbortSignal): Promise<void> {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    signal.addEventListener('abort', end);
    this.#add(view);
    try {
      await Promise.race([ended, view.failed]);
    } finally {
      signal.removeEventListener('abort', end);
      view.end();
      this.#remove(view);
    }
  }

  /** Ends everything: who still follows hears that it was closed. */
  close(): void {
    this.#closed = true;
    this.#running?.abort();
    this.#views.fail(closedError());
  }

  #add(view: View): void {
    const { name } = view.service;
    this.#views.add(view);
    if (this.#running === undefined) this.#start();
    else if (this.#synced.has(name)) view.update(this.#store.slices(name));
    else this.#session?.end('more-services');
  }

  #remove(view: View): void {
    this.#views.delete(view);
    if (this.idle) this.#running?.abort();
  }

  #start(): void {
    const running = new AbortController();
    this.#running = running;
    this.#run(running.signal).catch((error: unknown) => {
      if (this.#running === running) this.#running = undefined;
      this.#synced = new Set();
      if (this.idle) this.#store.replace([]);
      if (running.signal.aborted) return this.#restart();
      this.#views.fail(error);
    });
  }

  /** Someone may have come while the last one was leaving. */
  #restart(): void {
    if (!this.idle && this.#running === undefined && !this.#closed) this.#start();
  }

  async #run(signal: AbortSignal): Promise<never> {
    const { clock, random } = this.#o;
    let expired = 0;
    let end: End = 'more-services';
    for (;;) {
      await (end === 'more-services' ? this.#added : this.#ended).turn(signal);
      if (end === 'more-services') await sleep(clock, random() * START_MS, signal);
      if (end !== 'closed') await this.#list(signal);
      end = await this.#watch(signal);
      expired = end === 'expired' ? expired + 1 : 0;
      if (expired >= MAX_EXPIRED)
        throw this.#failure('says again and again that a version it has just given has expired');
      if (end === 'expired') this.#notOlderThan = undefined;
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { knownLists, unknownLists } = this.#o.limits;
    await (this.known ? knownLists : unknownLists).turn(signal);
    const { services } = this.#views;
    const collection = this.#collection(services);
    const read = async (version: string | undefined): Promise<{ objects: Parsed[]; version: string }> => {
      const objects: Parsed[] = [];
      const listed = await patiently(this.#o, signal, () => {
        objects.length = 0;
        return this.#o.client.list(collection, version, signal, (raw) => {
          const object = this.#parse(raw);
          if (services.has(object.service)) objects.push(object);
        });
      });
      return { objects, version: listed };
    };
    let list: Awaited<ReturnType<typeof read>>;
    try {
      list = await read(this.#notOlderThan);
    } catch (error) {
      if (!(error instanceof Expired)) throw error;
      // Too old, or of the future of a restored cluster: whatever is the latest there is the truth.
      list = await read(undefined);
    }
    this.#store.replace(list.objects);
    this.#synced = services;
    if (list.objects.length > 0) this.#known = true;
    this.#version = this.#notOlderThan = list.version;
    await this.#views.tellAll(services, this.#store, signal);
  }

  async #watch(signal: AbortSignal): Promise<End> {
    this.#forgetUnused();
    for (const name of this.#views.services) if (!this.#synced.has(name)) return 'more-services';
    const { client, clock, random } = this.#o;
    const began = clock.now();
    const seconds = Math.round(WATCH_S[0] + random() * (WATCH_S[1] - WATCH_S[0]));
    const collection = this.#collection(this.#synced);
    const session = new WatchSession({
      clock,
      open: (stop) => patiently(this.#o, stop, () => client.watch(collection, this.#version, seconds, stop)),
      opened: () => this.#views.refresh(),
      apply: (batch) => this.#apply(batch),
    });
    this.#session = session;
    try {
      const end = await session.run(signal);
      if (end === 'closed' && !session.eventful && clock.now() - began < SHORT_MS)
        throw this.#failure('ends each watch as soon as it has begun');
      return end;
    } finally {
      this.#session = undefined;
    }
  }

  /** A batch as a whole: what arrived together is told together. */
  #apply(batch: readonly WatchEvent[]): void {
    const changed = new Set<string>();
    try {
      for (const { type, object } of batch) {
        if (type === 'ERROR') throw this.#streamError(object);
        if (type === 'BOOKMARK') {
          this.#saw(resourceVersionOf(object));
          continue;
        }
        const parsed = this.#parse(object);
        this.#saw(parsed.version);
        const touched =
          type === 'DELETED' || !this.#synced.has(parsed.service)
            ? this.#store.delete(parsed.name)
            : this.#store.set(parsed);
        if (type !== 'DELETED') this.#known = true;
        for (const service of touched) changed.add(service);
      }
    } finally {
      for (const service of changed) this.#tell(service);
    }
  }

  #parse(raw: unknown): Parsed {
    try {
      return this.#o.resource === 'endpoints' ? parseEndpoints(raw) : parseEndpointSlice(raw);
    } catch (error) {
      if (!isCrowflyError(error, 'bad-data')) throw error;
      throw this.#failure(`sent what cannot be read: ${error.message}`, 'bad-data');
    }
  }

  #saw(version: string | undefined): void {
    if (version !== undefined) this.#version = this.#notOlderThan = version;
  }

  #tell(service: string): void {
    this.#views.tell(service, this.#store.slices(service));
  }

  #forgetUnused(): void {
    const used = [...this.#synced].filter((service) => this.#views.has(service));
    if (used.length === this.#synced.size) return;
    for (const service of this.#synced) if (!this.#views.has(service)) this.#store.drop(service);
    this.#synced = new Set(used);
  }

  #collection(services: ReadonlySet<string>): Collection {
    const { namespace, resource } = this.#o;
    return { namespace, resource, selector: selectorOf(resource, services) };
  }

  #streamError(object: unknown): Error {
    const { client, namespace, resource } = this.#o;
    return streamError(client.subject('watch', resource, namespace), object);
  }

  #failure(what: string, code: 'registry-failed' | 'bad-data' = 'registry-failed'): CrowflyError {
    const { client, resource, namespace } = this.#o;
    return new CrowflyError(code, `${client.origin} ${what} (${resource} of '${namespace}')`);
  }
}

export function closedError(): CrowflyError {
  return new CrowflyError('closed', 'the registry of the cluster was closed');
}
