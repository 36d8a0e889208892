import { promises as dns } from 'node:dns';
import { type Clock, CrowflyError, describeError, type Endpoint, sleep } from '@crowfly/core';
import type { ServiceFacts } from './service-lookup.js';
import { byId } from './union.js';

/** Bounds of how long an answer is used, in milliseconds, whatever its TTL says. */
const MIN_TTL_MS = 5_000;
const MAX_TTL_MS = 60_000;

/** What DNS says of a name: its addresses and how long they hold, in seconds. None: there is no such name, or no address. */
export type Resolve = (
  name: string,
) => Promise<readonly { readonly address: string; readonly ttl: number }[]>;

export interface ExternalNameOptions {
  readonly facts: Extract<ServiceFacts, { kind: 'external' }>;
  readonly port: number | string | undefined;
  readonly clock: Clock;
  readonly resolve: Resolve;
  readonly signal: AbortSignal;
  readonly forMs: number;
  publish(endpoints: readonly Endpoint[]): void;
  unknown(reason: string): void;
}

/**
 * The addresses of an ExternalName service as its instances, for a while: then the Service is asked for again.
 *
 * @throws CrowflyError when DNS fails; that a name does not exist is no failure
 */
export async function followExternalName(options: ExternalNameOptions): Promise<void> {
  const { facts, clock, resolve, signal, forMs } = options;
  const port = portOf(options);
  if (port === undefined) {
    options.unknown(`it is an ExternalName (${facts.name}) without a port named '${options.port}'`);
    return sleep(clock, forMs, signal);
  }
  const end = clock.now() + forMs;
  while (clock.now() < end) {
    const answers = await resolve(facts.name);
    signal.throwIfAborted();
    const endpoints = answers.map(({ address }) => endpointOf(address, port, facts.name)).sort(byId);
    options.publish(endpoints);
    const ttl = Math.min(...answers.map((answer) => answer.ttl * 1000), MAX_TTL_MS);
    await sleep(clock, Math.max(1, Math.min(Math.max(ttl, MIN_TTL_MS), end - clock.now())), signal);
  }
}

/** @param servers `ip` or `ip:port`; the system's when absent */
export function systemResolve(servers: readonly string[] | undefined): Resolve {
  const resolver = new dns.Resolver({ timeout: 2_000, tries: 2 });
  if (servers !== undefined) resolver.setServers([...servers]);
  return async (name) => {
    const outcomes = await Promise.allSettled([
      resolver.resolve4(name, { ttl: true }),
      resolver.resolve6(name, { ttl: true }),
    ]);
    const found = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
    if (found.length > 0) return found;
    // One family has no address and the other failed: then nothing is known.
    const failure = outcomes.find((outcome) => outcome.status === 'rejected' && !isAbsence(outcome.reason));
    if (failure?.status !== 'rejected') return [];
    throw new CrowflyError(
      'registry-failed',
      `DNS does not say where ${name} is (${describeError(failure.reason)}), the external name of the Service`,
      { cause: failure.reason },
    );
  };
}

function isAbsence(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ENOTFOUND' || code === 'ENODATA';
}

function portOf({ port, facts }: ExternalNameOptions): number | undefined {
  if (typeof port !== 'string') return port ?? 80;
  return facts.ports.find(({ name }) => name === port)?.port;
}

function endpointOf(host: string, port: number, externalName: string): Endpoint {
  const id = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return Object.freeze({ id, host, port, metadata: Object.freeze({ externalName }) });
}
