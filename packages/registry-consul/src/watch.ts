import {
  type Clock,
  type Endpoint,
  type Feed,
  isCrowflyError,
  type Problem,
  printable,
  type ServiceRef,
  sameEndpoint,
} from '@crowfly/core';
import type { Access } from './access.js';
import type { Agents } from './agents.js';
import type { AgentClient, HealthAnswer } from './client.js';
import { serviceOf } from './names.js';
import { Pace } from './pace.js';
import { parseEntry, type Reading } from './parse.js';
import { hidden, type Subject } from './refusal.js';
import { SCARCE_MS, type Slots } from './slots.js';

/** Why a query that waited was ended: others have to ask as well. */
const GAVE_WAY = new Error('others wait for this connection');

/** So many problems of one answer are told apart. */
const MAX_PROBLEMS = 20;

/** What queries carry, encoded; '' for nothing. */
export interface QueryParts {
  readonly all: string;
  /** Added where an answer has to be right: an agent's cache does not know what rights hide. */
  readonly question: string;
  /** Added where a query waits. */
  readonly wait: string;
}

export interface WatchParts {
  readonly ref: ServiceRef;
  readonly feed: Feed;
  readonly clock: Clock;
  readonly access: Access;
  readonly agents: Agents;
  /** For queries that wait, and for those that are answered at once. */
  readonly slots: { readonly waiting: Slots; readonly quick: Slots };
  readonly reading: Reading;
  /** What each query carries, encoded: namespace, filter. */
  readonly query: QueryParts;
  readonly datacenter: string | undefined;
  /** Whether Consul's order is kept. */
  readonly ordered: boolean;
  readonly waitMs: number;
}

/** How far a watch is: an index belongs to the agent that gave it. */
interface Position {
  readonly agent: AgentClient;
  /** `undefined`: it has to be asked for. */
  readonly index: number | undefined;
}

/** What one answer says of the service. */
interface Found extends HealthAnswer {
  readonly agent: AgentClient;
  readonly endpoints: readonly Endpoint[];
  readonly unhealthy: number;
  readonly problems: readonly Problem[];
}

/**
 * One service: asked at once, then again and again with a query that waits for a change.
 *
 * An answer is no proof of a change, and an index belongs to one agent: it starts anew when another is asked, or when it
 * goes down. What a query that waited says is not believed when it takes away much: rights that were taken away look just
 * the same to it.
 */
export class ServiceWatch {
  readonly #parts: WatchParts;
  readonly #subject: Subject;
  readonly #question: string;
  readonly #waitQuery: string;
  readonly #reading: Reading;
  readonly #pace: Pace;
  #known: readonly Endpoint[] | undefined;
  #byId = new Map<string, Endpoint>();
  #problems = '';

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { name, tag, datacenter = parts.datacenter } = serviceOf(parts.ref);
    this.#subject = { service: name, datacenter, right: 'read' };
    const dc = datacenter === undefined ? '' : `dc=${encodeURIComponent(datacenter)}`;
    const { all, question, wait } = parts.query;
    this.#question = joined(dc, all, question);
    this.#waitQuery = joined(dc, all, wait);
    this.#reading =
      tag === undefined ? parts.reading : { ...parts.reading, tags: [...parts.reading.tags, tag] };
    this.#pace = new Pace(parts.clock);
  }

  /** Until the feed's signal aborts. @throws CrowflyError when Consul fails */
  async run(): Promise<void> {
    const { feed } = this.#parts;
    let at: Position = await this.#ask();
    for (;;) {
      feed.signal.throwIfAborted();
      const { agent, index } = at;
      if (index !== undefined && agent === this.#parts.agents.current) {
        at = await this.#wait(agent, index);
        continue;
      }
      at = await this.#ask();
      // Without an index there is nothing to wait on: somebody in between takes the header away.
      if (at.index === undefined) await this.#pace.after('still', feed.signal);
    }
  }

  /** Asks without waiting, and believes the answer: it is the only kind that tells of rights. */
  async #ask(): Promise<Position & { readonly news: boolean }> {
    const { agents, feed, slots } = this.#parts;
    const found = await agents.ask(feed.signal, async (agent) => {
      const give = agent.multiplexed === true ? undefined : await slots.quick.take(feed.signal);
      try {
        return await this.#read(agent, undefined, feed.signal);
      } finally {
        give?.();
      }
    });
    this.#refuseHidden(found);
    return { agent: found.agent, index: found.index, news: this.#publish(found) };
  }

  /** @returns where to go on; without an index: ask anew */
  async #wait(agent: AgentClient, index: number): Promise<Position> {
    const { clock, feed } = this.#parts;
    const began = clock.now();
    const { found, waitMs } = await this.#blocked(agent, index);
    if (found === undefined) return { agent, index: undefined };
    if (found === 'gave way') return { agent, index };
    if (found.index === undefined || found.index < index) {
      // The agent was restarted, or its state restored: whatever waits on the old index waits for too long.
      await this.#pace.after('still', feed.signal);
      return { agent, index: undefined };
    }
    if (this.#shrinks(found)) {
      const asked = await this.#ask();
      // Where the two kinds of queries contradict each other, they would do so again at once.
      await this.#pace.after(asked.news ? 'news' : 'still', feed.signal);
      return asked;
    }
    const news = this.#publish(found);
    const early = clock.now() - began < waitMs;
    await this.#pace.after(
      news ? 'news' : found.index > index ? 'moved' : early ? 'still' : 'waited',
      feed.signal,
    );
    return { agent, index: found.index };
  }

  /** One query that waits. `found` is `undefined` when its agent died meanwhile: another one is asked. */
  async #blocked(
    agent: AgentClient,
    index: number,
  ): Promise<{ found: Found | 'gave way' | undefined; waitMs: number }> {
    const { agents, feed, slots } = this.#parts;
    const ending = new AbortController();
    const end = (reason: unknown): void => ending.abort(reason);
    const stop = (): void => end(feed.signal.reason);
    const give =
      agent.multiplexed === true ? undefined : await slots.waiting.take(feed.signal, () => end(GAVE_WAY));
    const waitMs = slots.waiting.scarce ? Math.min(SCARCE_MS, this.#parts.waitMs) : this.#parts.waitMs;
    feed.signal.addEventListener('abort', stop, { once: true });
    const release = agents.watchOver(agent, end);
    try {
      return { found: await this.#read(agent, { index, ms: waitMs }, ending.signal), waitMs };
    } catch (error) {
      feed.signal.throwIfAborted();
      if (error === GAVE_WAY) return { found: 'gave way', waitMs };
      // There is another one to ask, or somebody found this one dead already.
      if (isDown(error) && agents.leave(agent)) return { found: undefined, waitMs };
      throw error;
    } finally {
      release();
      feed.signal.removeEventListener('abort', stop);
      give?.();
    }
  }

  async #read(
    agent: AgentClient,
    wait: { readonly index: number; readonly ms: number } | undefined,
    signal: AbortSignal,
  ): Promise<Found> {
    const endpoints: Endpoint[] = [];
    const problems: Problem[] = [];
    let unhealthy = 0;
    let at = 0;
    const query = wait === undefined ? this.#question : this.#waitQuery;
    const answer = await agent.health(this.#subject, query, wait, signal, (raw) => {
      const parsed = parseEntry(raw, at++, this.#reading);
      if (parsed.endpoint !== undefined) endpoints.push(this.#like(parsed.endpoint));
      if (parsed.unhealthy) unhealthy++;
      if (parsed.problem !== undefined && problems.length < MAX_PROBLEMS) problems.push(parsed.problem);
    });
    if (!this.#parts.ordered) endpoints.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return { ...answer, agent, endpoints, unhealthy, problems };
  }

  /** One that says the same as before stays the same object, so that nobody has to look at it again. */
  #like(endpoint: Endpoint): Endpoint {
    const before = this.#byId.get(endpoint.id);
    return before !== undefined && sameEndpoint(before, endpoint) ? before : endpoint;
  }

  /** Nothing, or less than half of what there was. */
  #shrinks({ endpoints }: Found): boolean {
    const before = this.#known?.length ?? 0;
    return before > 0 && endpoints.length * 2 < before;
  }

  /** Instances that rights hide are not gone. */
  #refuseHidden(found: Found): void {
    const { filtered, endpoints, agent } = found;
    if (!filtered || (endpoints.length > 0 && !this.#shrinks(found))) return;
    throw hidden(this.#subject, { agent: agent.name, credentials: this.#parts.access.credentials });
  }

  /** @returns whether it was news */
  #publish(found: Found): boolean {
    const { endpoints } = found;
    this.#report(found);
    if (this.#known !== undefined && sameSet(this.#known, endpoints)) return false;
    this.#known = endpoints;
    this.#byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    this.#parts.feed.publish(endpoints);
    return true;
  }

  #report(found: Found): void {
    const problems = [...found.problems, ...this.#ofWhole(found)];
    const text = problems.map(({ code, detail }) => `${code} ${detail}`).join('\n');
    if (text === this.#problems) return;
    this.#problems = text;
    for (const problem of problems) this.#parts.feed.report(problem);
  }

  /** What should be known of a set as a whole. */
  #ofWhole({ endpoints, unhealthy, filtered, agent }: Found): readonly Problem[] {
    const { credentials } = this.#parts.access;
    const name = printable(this.#subject.service);
    if (filtered)
      return [
        {
          code: 'filtered',
          detail: `${hidden(this.#subject, { agent: agent.name, credentials }).message}; those that are seen are used`,
        },
      ];
    if (endpoints.length > 0) return [];
    const where =
      this.#subject.datacenter === undefined ? '' : ` in datacenter '${this.#subject.datacenter}'`;
    if (unhealthy > 0)
      return [
        {
          code: 'all-unhealthy',
          detail: `Consul knows ${unhealthy} ${unhealthy === 1 ? 'instance' : 'instances'} of '${name}'${where}, and none passes its checks (or all are in maintenance)`,
        },
      ];
    const blind = credentials === undefined ? '; or a token is needed to see it, and none was sent' : '';
    return [
      {
        code: 'empty',
        detail: `Consul has no instance of '${name}'${where}: it was never registered, or all of its instances have left, which Consul cannot tell apart${blind}`,
      },
    ];
  }
}

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join('&');

/** Whether two sets say the same, in whatever order. */
function sameSet(a: readonly Endpoint[], b: readonly Endpoint[]): boolean {
  if (a.length !== b.length) return false;
  if (a.every((one, at) => one === b[at])) return true;
  const all = new Set(a);
  return b.every((one) => all.has(one));
}

const isDown = (error: unknown): boolean => isCrowflyError(error, 'registry-failed');
