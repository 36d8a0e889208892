import {
  CrowflyError,
  type Instance,
  type Io,
  isCrowflyError,
  type Registrar,
  type Standing,
} from '@crowfly/core';
import type { Agents } from './agents.js';
import type { AgentClient } from './client.js';
import { DRAINING } from './parse.js';
import type { Subject } from './refusal.js';
import { checkIdOf, checkInstance, payloadOf } from './registration.js';

/**
 * How long a leaving instance goes on serving. Clients that wait for changes hear of it within some 10 ms; those that ask
 * Consul's DNS for each connection at their next one; those that poll, as most libraries do, within a second or two.
 */
const PROPAGATION_MS = 3_000;
/** Without heartbeats: how soon it is noticed that the agent was restarted. */
const LOOK_MS = 5_000;

/** Where one instance stands. */
interface Home {
  readonly agent: AgentClient;
  /** Agents that may still hold it: they did not answer when it moved to another one. */
  readonly former: Set<AgentClient>;
}

/**
 * Instances in the agent's own list, which it carries into the catalog. An instance stays with the agent that took it, and
 * moves to the next one when that does not answer; what it leaves behind turns critical there, and is taken away when the
 * agent is back.
 */
export class ConsulRegistrar implements Registrar {
  readonly propagationMs = PROPAGATION_MS;
  readonly #agents: Agents;
  readonly #zoneKey: string;
  readonly #homes = new Map<string, Home>();

  constructor(agents: Agents, zoneKey: string) {
    this.#agents = agents;
    this.#zoneKey = zoneKey;
  }

  check(instance: Instance): void {
    checkInstance(instance, this.#zoneKey);
  }

  renewMs({ liveness }: Instance): number {
    return liveness.kind === 'heartbeat' ? Math.floor(liveness.ttlMs / 3) : LOOK_MS;
  }

  async register(instance: Instance, standing: Standing, { signal }: Io): Promise<void> {
    const before = this.#homes.get(instance.id);
    const draining = standing.state === 'draining';
    // In rotation from the first moment, or out of it.
    const payload = payloadOf(instance, draining ? 'critical' : standing.health, this.#zoneKey);
    const agent = await this.#agents.ask(signal, async (one) => {
      if (before === undefined) await this.#refuseTwin(one, instance, signal);
      await this.#put(
        one,
        '/v1/agent/service/register?replace-existing-checks=true',
        instance,
        signal,
        payload,
      );
      return one;
    });
    const former = before?.former ?? new Set();
    if (before !== undefined) former.add(before.agent);
    former.delete(agent);
    this.#homes.set(instance.id, { agent, former });
    if (draining) await this.setState(instance, 'draining', { signal });
  }

  async renew(instance: Instance, standing: Standing, { signal }: Io): Promise<'ok' | 'forgotten'> {
    const home = this.#homes.get(instance.id);
    if (home === undefined) return 'forgotten';
    try {
      const known = await this.#renewAt(home.agent, instance, standing, signal);
      if (known) await this.#clearFormer(home, instance, signal);
      return known ? 'ok' : 'forgotten';
    } catch (error) {
      signal.throwIfAborted();
      // Another agent can take it.
      if (isCrowflyError(error, 'registry-failed') && this.#agents.leave(home.agent)) return 'forgotten';
      throw error;
    }
  }

  async setState(instance: Instance, state: 'up' | 'draining', { signal }: Io): Promise<'ok' | 'forgotten'> {
    const home = this.#homes.get(instance.id);
    if (home === undefined) return 'forgotten';
    const reason = state === 'draining' ? `&reason=${encodeURIComponent(DRAINING)}` : '';
    const path = `/v1/agent/service/maintenance/${encodeURIComponent(instance.id)}?enable=${state === 'draining'}${reason}`;
    return (await this.#put(home.agent, path, instance, signal)) ? 'ok' : 'forgotten';
  }

  async deregister(instance: Instance, { signal }: Io): Promise<void> {
    const home = this.#homes.get(instance.id);
    // Nobody knows whether a request that was cut short arrived.
    const agent = home?.agent ?? this.#agents.current;
    await this.#deregisterAt(agent, instance, signal);
    if (home !== undefined) await this.#clearFormer(home, instance, signal);
    this.#homes.delete(instance.id);
  }

  async #renewAt(
    agent: AgentClient,
    instance: Instance,
    { health }: Standing,
    signal: AbortSignal,
  ): Promise<boolean> {
    const id = encodeURIComponent(instance.id);
    if (instance.liveness.kind === 'heartbeat') {
      const body = { Status: health, Output: `crowfly: the instance says ${health}` };
      return this.#put(
        agent,
        `/v1/agent/check/update/${encodeURIComponent(checkIdOf(instance))}`,
        instance,
        signal,
        body,
      );
    }
    return (await agent.agent('GET', `/v1/agent/service/${id}`, undefined, subjectOf(instance), signal))
      .known;
  }

  #deregisterAt(agent: AgentClient, instance: Instance, signal: AbortSignal): Promise<boolean> {
    return this.#put(
      agent,
      `/v1/agent/service/deregister/${encodeURIComponent(instance.id)}`,
      instance,
      signal,
    );
  }

  /** Best effort: what is left there turns critical by itself. */
  async #clearFormer({ former }: Home, instance: Instance, signal: AbortSignal): Promise<void> {
    for (const agent of former) {
      try {
        await this.#deregisterAt(agent, instance, signal);
        former.delete(agent);
      } catch (error) {
        signal.throwIfAborted();
        if (!isCrowflyError(error)) throw error;
      }
    }
  }

  /** Two processes with one id would push each other out at every heartbeat, and nobody would know why. */
  async #refuseTwin(agent: AgentClient, instance: Instance, signal: AbortSignal): Promise<void> {
    const { id, host, port } = instance;
    const subject = subjectOf(instance);
    const found = await agent.agent(
      'GET',
      `/v1/agent/service/${encodeURIComponent(id)}`,
      undefined,
      subject,
      signal,
    );
    const { Address, Port } = (found.json ?? {}) as { Address?: unknown; Port?: unknown };
    if (!found.known || (Address === host && Port === port)) return;
    const filter = encodeURIComponent(`ServiceID == "${id}"`);
    const { json } = await agent.agent(
      'GET',
      `/v1/agent/checks?filter=${filter}`,
      undefined,
      subject,
      signal,
    );
    const checks = Object.values((json ?? {}) as Record<string, { Status?: unknown }>);
    const alive = checks.length > 0 && checks.every(({ Status }) => Status === 'passing');
    if (!alive) return;
    throw new CrowflyError(
      'bad-option',
      `register.id: '${id}' is registered at ${String(Address)}:${String(Port)} already, and alive: give each process an id of its own, or leave id out`,
      { path: 'register.id' },
    );
  }

  /** @returns whether the agent knows what it was asked about */
  async #put(
    agent: AgentClient,
    path: string,
    instance: Instance,
    signal: AbortSignal,
    body?: object,
  ): Promise<boolean> {
    return (await agent.agent('PUT', path, body, subjectOf(instance), signal)).known;
  }
}

const subjectOf = ({ service }: Instance): Subject => ({ service, datacenter: undefined, right: 'write' });
