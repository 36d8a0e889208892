import type { Registry, RegistryFactory } from '@crowfly/core';
import { accessOf } from './access.js';
import { Agents, SILENCE_MS } from './agents.js';
import { waitedMs } from './client.js';
import { locate } from './names.js';
import { CONSUL_DEFAULTS, type ConsulOptions, checkConsulOptions } from './options.js';
import { ConsulRegistrar } from './registrar.js';
import { Slots } from './slots.js';
import { type QueryParts, ServiceWatch } from './watch.js';

/** Queries that wait at the same time over HTTP/1.1, of one registry: an agent gives 200 connections to a machine. */
const MAX_WAITING = 64;
/** Queries that are answered at once, at the same time. */
const MAX_QUICK = 16;

/**
 * The services of a Consul, as an agent (or a server) tells them: each is asked for by a query that waits for changes, and
 * instances that pass their checks are called directly, without Consul's DNS.
 *
 * Without options it asks the agent on this machine, or what the `CONSUL_` variables of Consul's own tools say.
 *
 * @throws CrowflyError `bad-option` for options and variables that are wrong in themselves; what is wrong with the agent or
 *   the token comes through the watches, as it may mend: a process starts without Consul too
 */
export function consul(options: ConsulOptions = {}): RegistryFactory {
  checkConsulOptions(options);
  const settings = { ...CONSUL_DEFAULTS, ...withoutUndefined(options) };
  return ({ clock, random }) => {
    const access = accessOf(options);
    const agents = new Agents(access, clock, random);
    const slots = { waiting: new Slots(MAX_WAITING, clock), quick: new Slots(MAX_QUICK, clock) };
    const reading = {
      warnings: settings.warnings,
      taggedAddress: options.taggedAddress,
      zoneKey: settings.zoneKey,
      tags: (options.tags ?? []).map((tag) => tag.toLowerCase()),
    };
    const query = queryOf(options, access);
    const naming = { domain: settings.domain };
    return {
      kind: 'consul',
      id: access.id,
      supports: {
        unknown: false,
        zones: true,
        weights: true,
        draining: true,
        resync: true,
        // The agent, by its pulse; one connection through which nothing comes any more, when its query should have ended.
        silenceMs: Math.max(SILENCE_MS, waitedMs(settings.waitMs)),
        credentials: true,
      },
      locate: (target) => locate(target, naming),
      async watch(ref, feed) {
        const watch = new ServiceWatch({
          ref,
          feed,
          clock,
          access,
          agents,
          slots,
          reading,
          query,
          datacenter: access.datacenter,
          ordered: options.near !== undefined,
          waitMs: settings.waitMs,
        });
        try {
          await watch.run();
        } catch (error) {
          if (!feed.signal.aborted) throw error;
        }
      },
      registrar: new ConsulRegistrar(agents, settings.zoneKey),
      close: () => agents.close(),
    } satisfies Registry;
  };
}

function queryOf(
  { filter, near, consistency = CONSUL_DEFAULTS.consistency }: ConsulOptions,
  { namespace, partition }: { namespace: string | undefined; partition: string | undefined },
): QueryParts {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['filter', filter],
    ['near', near],
    ['ns', namespace],
    ['partition', partition],
  ];
  const named = pairs.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  const mode = consistency === 'default' ? '' : consistency;
  return { all: named.join('&'), question: mode === 'cached' ? '' : mode, wait: mode };
}

function withoutUndefined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}
