import { type Clock, CrowflyError, describeError, isCrowflyError, type Timer } from '@crowfly/core';
import type { Access } from './access.js';
import { AgentClient, ALIVE_MS } from './client.js';

/** How often an agent that only waits is asked whether it is still there. */
const PULSE_MS = 9_000;
/** How soon an agent that died in silence is noticed, at most; a second for timers that are late. */
export const SILENCE_MS = PULSE_MS + ALIVE_MS + 1_000;
/** How long another agent than the preferred one is stayed with before that is tried again, at most. */
const RETURN_MS = 60_000;

/** A query that waits: when its agent is found dead, it ends. */
interface Waiting {
  readonly agent: AgentClient;
  end(reason: unknown): void;
}

/**
 * The agents of one registry: which of them is asked, whether it is still there, and which one comes next when it is not.
 * Queries that wait are silent by nature; so the agent is asked a small question every nine seconds, one for all of them, to which it must have its servers' answer.
 */
export class Agents {
  readonly #clients: readonly AgentClient[];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #waiting = new Set<Waiting>();
  readonly #life = new AbortController();
  #current = 0;
  #pulse: Timer | undefined;
  #asking = false;
  /** When the agent is asked next. */
  #pulseAt = Number.NEGATIVE_INFINITY;
  #awaySince = 0;
  #awayMs = 0;

  constructor(access: Access, clock: Clock, random: () => number) {
    this.#clients = access.agents.map((agent) => new AgentClient(agent, access, clock));
    this.#clock = clock;
    this.#random = random;
  }

  get current(): AgentClient {
    return this.#clients[this.#current] as AgentClient;
  }

  get connections(): number {
    return this.#clients.reduce((sum, client) => sum + client.connections, 0);
  }

  /**
   * Asks the current agent, and each of the others once when it fails.
   *
   * @throws CrowflyError of the last one; `denied` and `bad-option` of the first, as the others would say the same; the
   *   signal's reason
   */
  async ask<T>(signal: AbortSignal, question: (agent: AgentClient) => Promise<T>): Promise<T> {
    const failures: string[] = [];
    for (;;) {
      const agent = this.current;
      try {
        return await question(agent);
      } catch (error) {
        signal.throwIfAborted();
        if (
          isCrowflyError(error, 'denied') ||
          isCrowflyError(error, 'bad-option') ||
          isCrowflyError(error, 'closed')
        )
          throw error;
        this.#failed(agent);
        failures.push(describeError(error));
        if (failures.length < this.#clients.length) continue;
        if (failures.length === 1) throw error;
        throw new CrowflyError('registry-failed', `no agent answers: ${failures.join('; ')}`, {
          cause: error,
        });
      }
    }
  }

  /** It failed. @returns whether there is another one to ask */
  leave(agent: AgentClient): boolean {
    this.#failed(agent);
    return agent !== this.current;
  }

  /** Calls `end` when the agent is found dead. @returns a function that ends it */
  watchOver(agent: AgentClient, end: (reason: unknown) => void): () => void {
    const waiting: Waiting = { agent, end };
    this.#waiting.add(waiting);
    this.#arm();
    return () => {
      this.#waiting.delete(waiting);
      if (this.#waiting.size > 0) return;
      // Its time stays: queries that wait for less than that must not put it off for ever.
      this.#pulse?.cancel();
      this.#pulse = undefined;
    };
  }

  async close(): Promise<void> {
    this.#life.abort(new CrowflyError('closed', 'this registry was closed'));
    this.#pulse?.cancel();
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  #failed(agent: AgentClient): void {
    if (agent !== this.current || this.#clients.length === 1) return;
    if (this.#current === 0) {
      this.#awaySince = this.#clock.now();
      // Spread, so that a fleet does not come back as one.
      this.#awayMs = RETURN_MS * (0.5 + this.#random() / 2);
    }
    this.#current = (this.#current + 1) % this.#clients.length;
  }

  #arm(): void {
    if (this.#pulse !== undefined || this.#asking || this.#life.signal.aborted) return;
    const now = this.#clock.now();
    // After a time without any query there is nothing to be late for.
    if (this.#pulseAt + PULSE_MS < now) this.#pulseAt = now + PULSE_MS;
    this.#pulse = this.#clock.after(Math.max(0, this.#pulseAt - now), () => {
      this.#pulse = undefined;
      this.#pulseAt = this.#clock.now() + PULSE_MS;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const agents = new Set([...this.#waiting].map(({ agent }) => agent));
    await Promise.all([...agents].map((agent) => this.#askOne(agent)));
    await this.#tryReturn();
    this.#asking = false;
    if (this.#waiting.size > 0) this.#arm();
  }

  async #askOne(agent: AgentClient): Promise<void> {
    try {
      await agent.alive(this.#life.signal);
    } catch (error) {
      if (this.#life.signal.aborted) return;
      this.#failed(agent);
      for (const waiting of [...this.#waiting]) if (waiting.agent === agent) waiting.end(error);
    }
  }

  /** The preferred one is there again: queries go to it as they end. */
  async #tryReturn(): Promise<void> {
    if (this.#current === 0 || this.#clock.now() - this.#awaySince < this.#awayMs) return;
    this.#awaySince = this.#clock.now();
    try {
      await (this.#clients[0] as AgentClient).alive(this.#life.signal);
      this.#current = 0;
    } catch {
      // Later again.
    }
  }
}
