import type { Endpoint } from '@crowfly/core';

/** What the model knows of one instance; the same object as long as the engine must keep the same member. */
export interface Twin {
  endpoint: Endpoint;
  inFlight: number;
  ejected: { readonly hard: boolean; readonly since: number } | undefined;
  judgedSince: number;
  heldUntil: number | undefined;
  gone: boolean;
}

export const HOLD_MS = 5_000;
const REMEMBER_MS = 60_000;

const draining = (endpoint: Endpoint): boolean => endpoint.state === 'draining';

export function tierOf({ state, weight, priority = 0 }: Endpoint): number {
  return priority + (state === 'draining' ? 4_000_000 : weight === 0 ? 2_000_000 : 0);
}

const sameInstance = (a: Endpoint, b: Endpoint): boolean =>
  a.id === b.id && a.host === b.host && a.port === b.port && a.protocol === b.protocol;

/**
 * One service, as the rules say and in the simplest way: everything is computed anew each time. Its instances are
 * ejected by one failed connect (hard) or one answer with 503 (soft); nothing else counts.
 */
export class ServiceModel {
  readonly current = new Map<string, Twin>();
  readonly #departed = new Map<string, { readonly twin: Twin; readonly at: number }>();
  readonly #guard: boolean;

  constructor(guard: boolean) {
    this.#guard = guard;
  }

  /** @returns how often the balancer of the plain pool must be told */
  publish(set: readonly Endpoint[], now: number): number {
    for (const [id, { at }] of this.#departed) if (now - at >= REMEMBER_MS) this.#departed.delete(id);
    const named = new Set(set.map(({ id }) => id));
    const vanished = [...this.current.values()].filter(
      ({ endpoint, heldUntil }) => heldUntil === undefined && !named.has(endpoint.id),
    );
    let stayed = 0;
    let moved = 0;
    let described = 0;
    const replaced: Twin[] = [];
    for (const endpoint of set) {
      const twin = this.current.get(endpoint.id);
      const listed = twin !== undefined && twin.heldUntil === undefined;
      if (twin !== undefined && sameInstance(twin.endpoint, endpoint)) {
        if (JSON.stringify(twin.endpoint) !== JSON.stringify(endpoint)) described++;
        twin.endpoint = endpoint;
        twin.heldUntil = undefined;
        if (listed && !draining(endpoint)) stayed++;
        continue;
      }
      if (listed && !draining(twin.endpoint)) stayed++;
      if (twin !== undefined) replaced.push(twin);
      this.current.set(endpoint.id, this.#join(endpoint));
      moved++;
    }
    const healthy = stayed + vanished.filter(({ endpoint }) => !draining(endpoint)).length;
    const left = set.filter((endpoint) => !draining(endpoint)).length;
    const doubted = this.#guard && healthy > 0 && (left === 0 || healthy - left > healthy / 2);
    for (const twin of vanished) {
      if (doubted && !draining(twin.endpoint) && twin.ejected?.hard !== true) twin.heldUntil = now + HOLD_MS;
      else {
        this.current.delete(twin.endpoint.id);
        this.#depart(twin, now);
        moved++;
      }
    }
    for (const twin of replaced) this.#depart(twin, now);
    return moved + described > 0 ? 1 : 0;
  }

  /** Time went by. @returns how often the balancer must have been told */
  pass(now: number): number {
    const ends = new Set<number>();
    for (const twin of [...this.current.values()]) {
      if (twin.heldUntil === undefined || twin.heldUntil > now) continue;
      ends.add(twin.heldUntil);
      this.#release(twin, twin.heldUntil);
    }
    return ends.size;
  }

  /** A try that began at `startedAt` was answered with 200. */
  good(twin: Twin, startedAt: number, now: number): number {
    if (startedAt < twin.judgedSince || twin.ejected === undefined || startedAt < twin.ejected.since)
      return 0;
    twin.ejected = undefined;
    twin.judgedSince = now;
    return twin.gone ? 0 : 1;
  }

  /** A try could not connect. */
  refused(twin: Twin, startedAt: number, now: number): number {
    let told = 0;
    if (twin.ejected === undefined && startedAt >= twin.judgedSince && !twin.gone) {
      twin.ejected = { hard: true, since: now };
      told++;
    }
    if (twin.heldUntil !== undefined && !twin.gone) {
      this.#release(twin, now);
      told++;
    }
    return told;
  }

  /** A try was answered with 503. */
  unavailable(twin: Twin, startedAt: number, now: number): number {
    if (twin.ejected !== undefined || startedAt < twin.judgedSince || twin.gone) return 0;
    const size = this.current.size;
    const soft = [...this.current.values()].filter(({ ejected }) => ejected?.hard === false).length;
    if (size <= 1 || soft + 1 > Math.max(1, Math.floor(size * 0.1))) return 0;
    twin.ejected = { hard: false, since: now };
    return 1;
  }

  /** Who may be picked now, and the tier in use. */
  eligible(tls: boolean): {
    readonly twins: readonly Twin[];
    readonly tier: number;
    readonly lastResort: boolean;
  } {
    const members = [...this.current.values()].filter(
      ({ endpoint }) => !tls || endpoint.protocol === undefined || endpoint.protocol === 'https',
    );
    const out = members.filter(({ ejected }) => ejected !== undefined).length;
    const panic = out > 0 && members.length - out < members.length / 2;
    let usable = members.filter(({ ejected }) => ejected === undefined || (panic && !ejected.hard));
    const lastResort = usable.length === 0;
    if (lastResort) usable = members;
    const tier = Math.min(...usable.map(({ endpoint }) => tierOf(endpoint)));
    return { twins: usable.filter(({ endpoint }) => tierOf(endpoint) === tier), tier, lastResort };
  }

  #join(endpoint: Endpoint): Twin {
    const former = this.#departed.get(endpoint.id)?.twin;
    if (former !== undefined && sameInstance(former.endpoint, endpoint)) {
      this.#departed.delete(endpoint.id);
      former.gone = false;
      former.endpoint = endpoint;
      return former;
    }
    return { endpoint, inFlight: 0, ejected: undefined, judgedSince: 0, heldUntil: undefined, gone: false };
  }

  #release(twin: Twin, now: number): void {
    this.current.delete(twin.endpoint.id);
    this.#depart(twin, now);
  }

  #depart(twin: Twin, at: number): void {
    twin.gone = true;
    twin.heldUntil = undefined;
    this.#departed.set(twin.endpoint.id, { twin, at });
  }
}
