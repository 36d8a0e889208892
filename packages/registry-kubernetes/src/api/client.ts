import { type Clock, CrowflyError, isCrowflyError, printable } from '@crowfly/core';
import {
  createRegistryClient,
  ListReader,
  partsOf,
  type RegistryAnswer,
  type RegistryClient,
} from '@crowfly/http';
import type { Access } from '../access/access.js';
import { LineReader } from './line-reader.js';
import { resourceVersionOf } from './resource-version.js';
import { refusal, type Subject } from './status.js';

/** What is listed and watched: one resource of one namespace. */
export interface Collection {
  readonly resource: 'endpointslices' | 'endpoints';
  readonly namespace: string;
  /** `labelSelector=...` or `fieldSelector=...`, encoded; '' for all. */
  readonly selector: string;
}

/** One line of a watch. */
export interface WatchEvent {
  readonly type: string;
  readonly object: unknown;
}

export interface Watching {
  readonly events: AsyncIterable<readonly WatchEvent[]>;
  /** Whether the connection itself notices that the server has died in silence. */
  readonly guarded: boolean;
}

/** Bytes of the largest list, of one object in it or one event of a watch, and of any other answer. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const MAX_EVENT_BYTES = 16 * 1024 * 1024;
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

const GROUPS = { endpointslices: '/apis/discovery.k8s.io/v1', endpoints: '/api/v1' } as const;

/** The few requests of the API server that discovery needs. Knows nothing of instances. */
export class ApiClient {
  readonly #access: Access;
  readonly #http: RegistryClient;
  readonly #guessed: string | undefined;

  /** @param guessed the namespace that is meant because nobody said which */
  constructor(access: Access, clock: Clock, guessed?: string) {
    this.#access = access;
    this.#guessed = guessed;
    this.#http = createRegistryClient({
      origin: access.origin,
      clock,
      http2: true,
      connection: () => access.connection(),
      headers: () => access.headers(),
    });
    // The first list waits a moment for more services: time enough to load what it needs.
    this.#http.prepare();
  }

  /**
   * Reads a whole collection.
   *
   * @param version the result may not be older than this; '0': whatever the server has at hand; undefined: the latest
   * @param item called with each object, while the list arrives
   * @returns the version of the list, to watch from
   * @throws Expired, Busy, CrowflyError
   */
  async list(
    collection: Collection,
    version: string | undefined,
    signal: AbortSignal,
    item: (raw: unknown) => void,
  ): Promise<string> {
    const subject = this.subject('list', collection.resource, collection.namespace);
    const query = [
      collection.selector,
      ...(version === undefined ? [] : [`resourceVersion=${encodeURIComponent(version)}`]),
      ...(version === undefined || version === '0' ? [] : ['resourceVersionMatch=NotOlderThan']),
    ];
    const answer = await this.#ask(subject, pathOf(collection, query), signal);
    const reader = new ListReader(MAX_EVENT_BYTES, item);
    let bytes = 0;
    try {
      for await (const part of partsOf(answer)) {
        signal.throwIfAborted();
        bytes += part.length;
        if (bytes > MAX_LIST_BYTES)
          throw new CrowflyError('bad-data', `the list has more than ${MAX_LIST_BYTES} bytes`);
        reader.push(part);
      }
      signal.throwIfAborted();
      return checkedVersion(reader.end());
    } catch (error) {
      throw readable(error, `${this.#access.origin}${pathOf(collection, [])}`);
    } finally {
      answer.cancel();
    }
  }

  /**
   * Begins a watch; events come in the batches in which they arrived.
   *
   * @throws Expired, Busy, CrowflyError; the generator also when the stream breaks, and ends when the server ends it
   */
  async watch(
    collection: Collection,
    version: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<Watching> {
    const subject = this.subject('watch', collection.resource, collection.namespace);
    const query = [
      collection.selector,
      'watch=1',
      'allowWatchBookmarks=true',
      `resourceVersion=${encodeURIComponent(version)}`,
      `timeoutSeconds=${seconds}`,
    ];
    // The server says nothing while nothing changes: whoever reads the events knows how long that may be.
    const answer = await this.#ask(subject, pathOf(collection, query), signal, Number.POSITIVE_INFINITY);
    const where = `${this.#access.origin}${pathOf(collection, [])}`;
    return { events: events(answer, where), guarded: answer.multiplexed };
  }

  /**
   * One object.
   *
   * @returns `undefined` when there is none
   * @throws Busy, CrowflyError
   */
  async get(
    resource: 'services' | 'namespaces',
    namespace: string,
    name: string,
    signal: AbortSignal,
  ): Promise<unknown> {
    const subject = this.subject('get', resource, namespace);
    const path =
      resource === 'services'
        ? `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}`
        : `/api/v1/namespaces/${encodeURIComponent(name)}`;
    const answer = await this.#send(path, signal);
    if (answer.status === 200) return answer.json(MAX_OBJECT_BYTES);
    const body = await bodyOf(answer);
    if (answer.status === 404) return undefined;
    throw refusal(subject, answer.status, body, answer.headers);
  }

  get origin(): string {
    return this.#access.origin;
  }

  /** What a request is about, for messages. */
  subject(verb: Subject['verb'], resource: Subject['resource'], namespace: string): Subject {
    const { credentials, origin } = this.#access;
    return { verb, resource, namespace, credentials, origin, note: this.note(namespace) };
  }

  /** What to say where a namespace is named that nobody asked for; '' for the others. */
  note(namespace: string): string {
    return namespace === this.#guessed ? ' (nothing says which namespace is meant: pass { namespace })' : '';
  }

  /** Connections open now. */
  get connections(): number {
    return this.#http.connections;
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #ask(
    subject: Subject,
    path: string,
    signal: AbortSignal,
    silenceMs?: number,
  ): Promise<RegistryAnswer> {
    const answer = await this.#send(path, signal, silenceMs);
    if (answer.status === 200) return answer;
    throw refusal(subject, answer.status, await bodyOf(answer), answer.headers);
  }

  #send(path: string, signal: AbortSignal, silenceMs?: number): Promise<RegistryAnswer> {
    return this.#http.request({
      path: this.#access.basePath + path,
      signal,
      headers: { accept: 'application/json' },
      ...(silenceMs === undefined ? {} : { silenceMs }),
    });
  }
}

async function* events(answer: RegistryAnswer, where: string): AsyncGenerator<readonly WatchEvent[]> {
  const asEvent = (line: unknown): WatchEvent => eventOf(line, answer);
  const reader = new LineReader(MAX_EVENT_BYTES);
  try {
    // A burst of events that has waited comes as one chunk.
    for await (const part of partsOf(answer)) {
      const lines = reader.push(part);
      if (lines.length > 0) yield lines.map(asEvent);
    }
    if (reader.partial)
      throw new CrowflyError('registry-failed', `${where}: the watch ended inside an event`);
  } catch (error) {
    throw readable(error, where);
  } finally {
    answer.cancel();
  }
}

function eventOf(line: unknown, answer: RegistryAnswer): WatchEvent {
  const { type, object } = (line ?? {}) as Partial<WatchEvent>;
  if (type === 'ERROR') return { type, object: statusOf(object, answer) };
  if (typeof type === 'string') return { type, object };
  throw new CrowflyError('bad-data', 'an event of the watch has no type');
}

function pathOf({ resource, namespace }: Collection, query: readonly string[]): string {
  const text = query.filter((part) => part !== '').join('&');
  return `${GROUPS[resource]}/namespaces/${encodeURIComponent(namespace)}/${resource}${text === '' ? '' : `?${text}`}`;
}

function checkedVersion(list: unknown): string {
  const version = resourceVersionOf(list);
  if (version !== undefined && version.length <= 100) return version;
  throw new CrowflyError('bad-data', 'the list has no metadata.resourceVersion');
}

/** What a refusal says; it is only for the message. */
async function bodyOf(answer: RegistryAnswer): Promise<unknown> {
  try {
    return statusOf(await answer.json(MAX_OBJECT_BYTES), answer);
  } catch {
    return undefined;
  } finally {
    answer.cancel();
  }
}

/** What a server says went wrong, fit for messages. */
function statusOf(status: unknown, answer: RegistryAnswer): unknown {
  const { message } = (status ?? {}) as { message?: unknown };
  return typeof message === 'string' ? { ...(status as object), message: answer.redact(message) } : status;
}

/** Says where it was; what the connection says of itself says so already. */
function readable(error: unknown, where: string): unknown {
  if (isCrowflyError(error, 'bad-data') && !error.message.startsWith('http'))
    return new CrowflyError('bad-data', `${where}: ${error.message}`, { cause: error });
  if (!(error instanceof SyntaxError)) return error;
  // Without the cause, and without what it quotes: that may be any part of the text, credentials said back included.
  const detail = printable(error.message.replace(/(^|, )(\.\.\.)?".*$/s, ''), 120);
  return new CrowflyError(
    'bad-data',
    `${where} answered with something that is no JSON${detail === '' ? '' : ` (${detail})`}: is it an API server?`,
  );
}
