import { promises as dns } from 'node:dns';
import {
  type Clock,
  CrowflyError,
  describeError,
  type Endpoint,
  type Problem,
  printable,
  sleep,
} from '@crowfly/core';
import type { ServiceName } from '../names.js';
import type { ServiceFacts } from './service-lookup.js';
import { addressOf } from './slice-endpoints.js';
import { byId } from './union.js';

/** Bounds of how long an answer is used, in milliseconds, whatever its TTL says. */
const MIN_TTL_MS = 5_000;
const MAX_TTL_MS = 60_000;

/** What DNS says of a name: its addresses and how long they hold, in seconds. None: there is no such name, or no address. */
export type Resolve = (
  name: string,
  signal: AbortSignal,
) => Promise<readonly { readonly address: string; readonly ttl: number }[]>;

export interface ExternalNameOptions {
  readonly facts: Extract<ServiceFacts, { kind: 'external' }>;
  readonly service: ServiceName;
  readonly port: number | string | undefined;
  readonly clock: Clock;
  readonly resolve: Resolve;
  readonly signal: AbortSignal;
  readonly forMs: number;
  publish(endpoints: readonly Endpoint[]): void;
  report(problems: readonly Problem[]): void;
  unknown(reason: string): void;
}

/**
 * The addresses of an ExternalName service as its instances, for a while: then the Service is asked for again.
 *
 * @throws CrowflyError when DNS fails; that a name does not exist is no failure
 */
export async function followExternalName(options: ExternalNameOptions): Promise<void> {
  const { facts, clock, signal, forMs } = options;
  const port = portOf(options);
  if (port === undefined) {
    options.unknown(
      `it is an ExternalName (${printable(facts.name)}) without a port named '${options.port}'`,
    );
    return sleep(clock, forMs, signal);
  }
  const end = clock.now() + forMs;
  while (clock.now() < end) {
    const answers = await ask(options);
    signal.throwIfAborted();
    const usable = answers.filter(({ address }) => !isLoopback(address));
    const endpoints = usable.map(({ address }) => endpointOf(address, port, facts.name)).sort(byId);
    options.report(problemsOf(options, answers));
    options.publish(endpoints);
    const ttl = Math.min(...answers.map((answer) => answer.ttl * 1000), MAX_TTL_MS);
    await sleep(clock, Math.max(1, Math.min(Math.max(ttl, MIN_TTL_MS), end - clock.now())), signal);
  }
}

function problemsOf(options: ExternalNameOptions, answers: Awaited<ReturnType<Resolve>>): readonly Problem[] {
  const whose = whoseName(options);
  if (answers.length === 0) return [{ code: 'no-address', detail: `DNS knows no address of ${whose}` }];
  return answers.flatMap(({ address }) => {
    const detail = `DNS says that ${whose}, is ${address}, which is the caller itself and no instance: it is skipped`;
    return isLoopback(address) ? [{ code: 'loopback', detail, entry: address }] : [];
  });
}

function whoseName({ facts, service }: ExternalNameOptions): string {
  return `${printable(facts.name)}, the external name of the Service '${service.name}' in namespace '${service.namespace}'`;
}

/**
 * Whoever may edit Services must not lead callers to what listens on their own machine only. (What else no instance has,
 * such as the addresses of cloud metadata, core refuses of any registry.)
 */
function isLoopback(address: string): boolean {
  return /^(?:127\.|::1$|::ffff:127\.|::ffff:7f)/i.test(address);
}

async function ask({ facts, service, resolve, signal }: ExternalNameOptions): ReturnType<Resolve> {
  try {
    return await resolve(facts.name, signal);
  } catch (cause) {
    throw new CrowflyError(
      'registry-failed',
      `DNS does not say where ${printable(facts.name)} is (${describeError(cause)}), the external name of the Service '${service.name}' in namespace '${service.namespace}'`,
      { cause },
    );
  }
}

/**
 * Addresses of one family: the other one's only when the preferred one has none.
 *
 * @param servers `ip` or `ip:port`; the system's when absent
 */
export function systemResolve(servers: readonly string[] | undefined, ipFamily: 'IPv4' | 'IPv6'): Resolve {
  return async (name, signal) => {
    signal.throwIfAborted();
    // One for each question: what it has under way is cancelled as a whole.
    const resolver = new dns.Resolver({ timeout: 2_000, tries: 2 });
    if (servers !== undefined) resolver.setServers([...servers]);
    const cancel = (): void => resolver.cancel();
    signal.addEventListener('abort', cancel);
    const families = [
      () => resolver.resolve4(name, { ttl: true }),
      () => resolver.resolve6(name, { ttl: true }),
    ];
    try {
      for (const family of ipFamily === 'IPv4' ? families : families.reverse()) {
        const found = await orNone(family());
        if (found.length > 0) return found;
      }
      return [];
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

async function orNone<T>(found: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await found;
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
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
  const id = addressOf(host, port);
  return Object.freeze({ id, host, port, metadata: Object.freeze({ externalName }) });
}
