import { type Clock, CrowflyError, isCrowflyError } from '@crowfly/core';
import {
  createRegistryClient,
  ListReader,
  partsOf,
  type RegistryAnswer,
  type RegistryClient,
} from '@crowfly/http';
import type { Access } from './access.js';
import type { AgentAddress } from './options.js';
import { refusal, type Subject, unable } from './refusal.js';

/** Bytes of the largest answer, of one entry in it, and of what is read of a refusal. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const MAX_ENTRY_BYTES = 4 * 1024 * 1024;
const MAX_REFUSAL_BYTES = 64 * 1024;
/** Consul adds up to a sixteenth to the wait that it is asked for; then it has to answer. */
const WAIT_SLACK = 1 / 16;
const ANSWER_MS = 5_000;
/** The most that a side question may take: a frozen agent has to be noticed. */
export const ALIVE_MS = 5_000;

/** How long the answer to a query that waits may take. */
export const waitedMs = (waitMs: number): number => ANSWER_MS + Math.ceil(waitMs * (1 + WAIT_SLACK));

/** What one agent answered to a health query. */
export interface HealthAnswer {
  /** `X-Consul-Index`; `undefined` when there is none that can be waited on. */
  readonly index: number | undefined;
  /** Whether rights took entries away; only a query that did not wait can tell. */
  readonly filtered: boolean;
}

/** The few requests that one agent is asked. Knows nothing of instances. */
export class AgentClient {
  /** What the address is called in messages. */
  readonly name: string;
  readonly #access: Access;
  readonly #basePath: string;
  readonly #http: RegistryClient;
  /** Whether many queries share a connection, once that is known. */
  #multiplexed: boolean | undefined;

  constructor(agent: AgentAddress, access: Access, clock: Clock) {
    this.name = agent.socketPath ?? agent.origin;
    this.#access = access;
    this.#basePath = agent.basePath;
    this.#http = createRegistryClient({
      origin: agent.origin,
      clock,
      http2: true,
      answerMs: ANSWER_MS,
      connection: () => access.connection(agent),
      headers: () => access.headers(),
    });
    if (!agent.origin.startsWith('https:')) this.#multiplexed = false;
  }

  get multiplexed(): boolean | undefined {
    return this.#multiplexed;
  }

  /**
   * @param query encoded, without what waits
   * @param wait until the index is another one; `undefined`: at once
   * @param entry called with each entry, as it arrives; for nothing, if this rejects
   * @throws CrowflyError `denied`, `bad-option`, `bad-data`, `registry-failed`; the signal's reason
   */
  async health(
    subject: Subject,
    query: string,
    wait: { readonly index: number; readonly ms: number } | undefined,
    signal: AbortSignal,
    entry: (raw: unknown) => void,
  ): Promise<HealthAnswer> {
    const waiting =
      wait === undefined ? '' : `${query === '' ? '' : '&'}index=${wait.index}&wait=${wait.ms}ms`;
    const path = `/v1/health/service/${encodeURIComponent(subject.service)}?${query}${waiting}`;
    const answerMs = wait === undefined ? ANSWER_MS : waitedMs(wait.ms);
    const answer = await this.#send({ path, signal, answerMs, silenceMs: ANSWER_MS }, subject);
    await this.#readList(answer, path, signal, entry);
    return {
      index: indexOf(answer.headers['x-consul-index']),
      filtered: answer.headers['x-consul-results-filtered-by-acls'] === 'true',
    };
  }

  /**
   * Whether it answers, and can ask its servers: an agent that has lost them still does the first, and lets queries wait
   * as if nothing had happened.
   *
   * @throws CrowflyError when it does not
   */
  async alive(signal: AbortSignal): Promise<void> {
    const path = `${this.#basePath}/v1/status/leader`;
    const answer = await this.#http.request({ path, signal, answerMs: ALIVE_MS });
    if (answer.status >= 500) throw unable(this.name, answer.status, await this.#said(answer));
    // Who leads does not matter, nor that nobody does: then nothing can change either.
    answer.cancel();
  }

  /**
   * A request of the agent's own interface, for registration.
   *
   * @returns its JSON; `undefined` for what it does not know (404)
   * @throws as `health`
   */
  async agent(
    method: 'GET' | 'PUT',
    path: string,
    body: object | undefined,
    subject: Subject,
    signal: AbortSignal,
  ): Promise<{ readonly known: boolean; readonly json: unknown }> {
    const answer = await this.#http.request({
      path: this.#basePath + path,
      method,
      signal,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    if (answer.status === 404) {
      answer.cancel();
      return { known: false, json: undefined };
    }
    if (answer.status !== 200) throw await this.#refused(answer, subject);
    const text = await answer.text(MAX_ENTRY_BYTES);
    return { known: true, json: text.trim() === '' ? undefined : parsed(text, this.name, path) };
  }

  get connections(): number {
    return this.#http.connections;
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #send(
    request: { path: string; signal: AbortSignal; answerMs: number; silenceMs: number },
    subject: Subject,
  ): Promise<RegistryAnswer> {
    const answer = await this.#http.request({ ...request, path: this.#basePath + request.path });
    this.#multiplexed = answer.multiplexed;
    if (answer.status === 200) return answer;
    throw await this.#refused(answer, subject);
  }

  async #refused(answer: RegistryAnswer, subject: Subject): Promise<CrowflyError> {
    const said = await this.#said(answer);
    return refusal(subject, { agent: this.name, credentials: this.#access.credentials }, answer.status, said);
  }

  /** What it said instead of an answer; only for a message. */
  async #said(answer: RegistryAnswer): Promise<string> {
    try {
      return answer.redact(await answer.text(MAX_REFUSAL_BYTES));
    } catch {
      return '';
    } finally {
      answer.cancel();
    }
  }

  /** Entry by entry, so that ten thousand of them are no piece of work that stands in everyone's way. */
  async #readList(
    answer: RegistryAnswer,
    path: string,
    signal: AbortSignal,
    entry: (raw: unknown) => void,
  ): Promise<void> {
    const reader = new ListReader(MAX_ENTRY_BYTES, entry, 'list');
    let bytes = 0;
    try {
      for await (const part of partsOf(answer)) {
        signal.throwIfAborted();
        bytes += part.length;
        if (bytes > MAX_ANSWER_BYTES)
          throw new CrowflyError('bad-data', `the answer has more than ${MAX_ANSWER_BYTES} bytes`);
        reader.push(part);
      }
      signal.throwIfAborted();
      reader.end();
    } catch (error) {
      throw readable(error, this.name, path);
    } finally {
      answer.cancel();
    }
  }
}

/** An index below 1 would never wait. */
function indexOf(header: string | undefined): number | undefined {
  if (header === undefined || !/^[0-9]{1,15}$/.test(header)) return undefined;
  return Math.max(1, Number(header));
}

function parsed(text: string, name: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw readable(error, name, path);
  }
}

/** Says where it was; without what a SyntaxError quotes. */
function readable(error: unknown, name: string, path: string): unknown {
  const where = `${name} answered ${path.replace(/\?.*/s, '')}`;
  if (error instanceof SyntaxError)
    return new CrowflyError(
      'bad-data',
      `${where} with something that is no list in JSON: is it a Consul agent?`,
    );
  if (isCrowflyError(error, 'bad-data') && !error.message.startsWith('http'))
    return new CrowflyError('bad-data', `${where}: ${error.message}`, { cause: error });
  return error;
}
