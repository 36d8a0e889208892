import type { Endpoint, Problem, Registry } from '@crowfly/core';
import { VirtualClock } from '@crowfly/core/testing';
import { expect } from 'chai';
import { type ConsulOptions, consul } from '../../dist/index.js';
import { ScriptedAgent, type Waiting } from './scripted-agent.ts';

/** Waits in real time for a condition. @throws what `describe` says when it does not hold in time */
async function until(
  holds: () => boolean,
  describe: () => string,
  between: () => Promise<unknown>,
): Promise<void> {
  const end = performance.now() + 5_000;
  while (!holds()) {
    if (performance.now() > end) expect.fail(describe());
    await between();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Scripted agents, a registry of them on a clock that stands still, and watches. */
export class Rig {
  readonly agents: readonly ScriptedAgent[];
  readonly clock = new VirtualClock();
  readonly registry: Registry;
  readonly #watches: Watched[] = [];

  private constructor(agents: readonly ScriptedAgent[], options: ConsulOptions) {
    this.agents = agents;
    const factory = consul({ address: agents.map(({ address }) => address), ...options });
    this.registry = factory({ clock: this.clock, random: () => 0, self: {} });
  }

  static async start(options: ConsulOptions = {}, count = 1): Promise<Rig> {
    const agents = await Promise.all(Array.from({ length: count }, () => ScriptedAgent.start()));
    return new Rig(agents, options);
  }

  get agent(): ScriptedAgent {
    return this.agents[0] as ScriptedAgent;
  }

  watch(name = 'orders'): Watched {
    const watched = new Watched(this, name);
    this.#watches.push(watched);
    return watched;
  }

  /** Waits in real time; on the clock, only what is due already happens. */
  until(holds: () => boolean, describe: string | (() => string)): Promise<void> {
    return until(
      holds,
      () => (typeof describe === 'string' ? describe : describe()),
      () => this.clock.advance(0),
    );
  }

  /** The query that waits now, the newest of them. */
  async wait(agent = this.agent): Promise<Waiting> {
    const newest = (): Waiting | undefined => agent.waiting.findLast(({ open }) => open);
    await this.until(
      () => newest() !== undefined,
      () => `nothing waits; asked was ${agent.asked.join(' ')}`,
    );
    return newest() as Waiting;
  }

  /** Time passes on the clock, with a breath of real time for what goes over the network. */
  async pass(ms: number, stepMs = 250): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.clock.advance(Math.min(stepMs, left));
      await breath();
    }
  }

  /** Ends everything, and then nothing may be left. */
  async close(): Promise<void> {
    for (const watched of this.#watches) await watched.end();
    await this.registry.close?.();
    for (const agent of this.agents) {
      await until(
        () => agent.connections === 0,
        () => `${agent.connections} connections are left after close()`,
        async () => {},
      );
      await agent.close();
    }
    expect(this.clock.pending, 'timers after close()').to.equal(0);
  }
}

/** A little real time: what is on its way through the loopback arrives. */
async function breath(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** One watch, with everything it said. */
export class Watched {
  readonly sets: (readonly Endpoint[])[] = [];
  readonly problems: Problem[] = [];
  error: (Error & { code?: string }) | undefined;
  settled = false;
  readonly #rig: Rig;
  readonly #ending = new AbortController();
  readonly #done: Promise<void>;

  constructor(rig: Rig, name: string) {
    this.#rig = rig;
    const ref = rig.registry.locate(name);
    if (ref === undefined) throw new Error(`not ours: ${name}`);
    this.#done = rig.registry
      .watch(ref, {
        signal: this.#ending.signal,
        publish: (endpoints) => this.sets.push(endpoints),
        unknown: () => expect.fail('Consul cannot tell'),
        report: (problem) => this.problems.push(problem),
      })
      .catch((error: Error) => {
        this.error = error;
      })
      .then(() => {
        this.settled = true;
      });
  }

  /** Each set as the last numbers of its addresses: `['1,2', '']`. */
  get said(): readonly string[] {
    return this.sets.map((set) => set.map(({ host }) => host.replace(/.*\./, '')).join());
  }

  /** Waits until these sets were published, and no other. */
  async says(...sets: readonly string[]): Promise<void> {
    const holds = (): boolean => JSON.stringify(this.said) === JSON.stringify(sets);
    await this.#rig.until(
      () => holds() || this.settled,
      () => `expected ${JSON.stringify(sets)}, but it said ${JSON.stringify(this.said)}`,
    );
    if (!holds()) expect.fail(`expected ${JSON.stringify(sets)}, but it ended with ${String(this.error)}`);
  }

  async fails(): Promise<Error & { code?: string }> {
    await this.#rig.until(
      () => this.settled,
      () => `expected a failure, but it said ${JSON.stringify(this.said)}`,
    );
    expect(this.error).to.be.an.instanceOf(Error);
    return this.error as Error;
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await this.#done;
  }
}
