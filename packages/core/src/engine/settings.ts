import type { Strategy } from '../contract/strategy.js';
import { CrowflyError } from '../errors.js';
import type { EventName } from '../events.js';
import { type Check, check, checkOptions, suggest } from '../options.js';
import { printable } from '../text.js';
import type {
  Behaviour,
  EjectionOptions,
  EngineOptions,
  GuardOptions,
  Limits,
  RetryOptions,
  Timeouts,
} from './api.js';
import { DEFAULTS } from './defaults.js';

/** How calls to one service behave, with every default filled in. */
export interface Settings {
  readonly strategy: Strategy;
  readonly timeouts: Timeouts;
  readonly retry: RetryOptions;
  readonly ejection: EjectionOptions;
  readonly guard: GuardOptions;
  readonly topology: 'hints' | 'ignore';
  readonly firstSetMs: number;
}

const TIMEOUTS: Readonly<Record<keyof Timeouts, Check>> = {
  connectMs: check.ms(1),
  firstByteMs: check.ms(1),
  totalMs: check.ms(1),
};

const RETRY: Readonly<Record<keyof RetryOptions, Check>> = {
  attempts: check.integer(1, 20),
  statuses: check.list(check.integer(400, 599), 'a list of HTTP statuses'),
  backoffMs: check.ms(),
  backoffMaxMs: check.ms(),
};

const EJECTION: Readonly<Record<keyof EjectionOptions, Check>> = {
  connectFailures: check.integer(0),
  resets: check.integer(0),
  timeouts: check.integer(0),
  gatewayErrors: check.integer(0),
  serverErrors: check.integer(0),
  maxShare: check.number(0, 1),
  panicShare: check.number(0, 1),
  stallMs: check.ms(),
  probeMs: check.ms(1),
  probeMaxMs: check.ms(1),
};

const GUARD: Readonly<Record<keyof GuardOptions, Check>> = {
  maxLossShare: check.number(0, 1),
  holdMs: check.ms(),
};

/** What packages export for it is a function that returns a function. */
const factory = (what: string): Check => check.either(what, check.function);

const BEHAVIOUR: Readonly<Record<keyof Behaviour, Check>> = {
  strategy: factory('a strategy such as roundRobin()'),
  timeouts: check.object(TIMEOUTS),
  retry: check.object(RETRY),
  ejection: check.object(EJECTION),
  guard: check.object(GUARD),
  topology: check.oneOf('hints', 'ignore'),
};

const LIMITS: Readonly<Record<keyof Limits, Check>> = {
  firstSetMs: check.ms(1),
  maxServices: check.integer(1),
  maxEndpoints: check.integer(1),
  closeMs: check.ms(),
};

const OPTIONS: Readonly<Record<keyof EngineOptions, Check>> = {
  registry: factory("a registry such as file('services.yaml')"),
  services: check.table(
    check.object({
      ...BEHAVIOUR,
      registry: factory("a registry such as file('services.yaml')"),
      url: check.either(
        "an origin such as 'http://localhost:3001', or a list of them",
        check.string,
        check.list(check.string),
      ),
    }),
  ),
  defaults: check.object(BEHAVIOUR),
  match: check.either(
    "a list of hosts and '*.suffix' patterns, or a function",
    check.function,
    check.list(check.string),
  ),
  self: check.object({ service: check.string, zone: check.string, node: check.string }),
  logger: check.either('an object with info() and warn(), or false', check.oneOf(false), (value, path) => {
    check.anyObject(value, path);
    const { info, warn } = value as Record<string, unknown>;
    check.function(info, `${path}.info`);
    check.function(warn, `${path}.warn`);
  }),
  limits: check.object(LIMITS),
  env: check.either('an object of strings, or false', check.oneOf(false), check.anyObject),
  clock: check.anyObject,
  random: check.function,
  probe: check.function,
};

const CALL: Readonly<Record<string, Check>> = {
  idempotent: check.boolean,
  key: check.string,
  timeouts: check.object(TIMEOUTS),
  attempts: check.integer(1, 20),
};

/** @throws CrowflyError `bad-option` with the path of what is wrong */
export function checkEngineOptions(options: unknown): void {
  checkPlaces(options);
  checkOptions('createDiscovery', options, OPTIONS);
  const { services } = options as EngineOptions;
  for (const [name, row] of Object.entries(services ?? {})) {
    if (row?.url !== undefined && row.registry !== undefined) {
      const path = `createDiscovery.services.${name}.url`;
      throw new CrowflyError('bad-option', `${path}: a row has either 'url' or 'registry', not both`, {
        path,
      });
    }
  }
}

/** The likeliest mistakes of all: what belongs in `defaults` or `limits` stands beside them. */
function checkPlaces(options: unknown): void {
  check.anyObject(options, 'createDiscovery');
  for (const key of Object.keys(options as object)) {
    const place = Object.hasOwn(BEHAVIOUR, key)
      ? `it belongs in 'defaults' (or in a row of 'services'): { defaults: { ${key}: ... } }`
      : Object.hasOwn(LIMITS, key)
        ? `it belongs in 'limits': { limits: { ${key}: ... } }`
        : undefined;
    const path = `createDiscovery.${key}`;
    if (place !== undefined) throw new CrowflyError('bad-option', `${path}: ${place}`, { path });
  }
}

/**
 * What a caller says about one call, as clients take it in `crowfly: { ... }`.
 *
 * @throws CrowflyError `bad-option` with the path of what is wrong
 */
export function checkCallOptions(options: unknown, path = 'crowfly'): void {
  checkOptions(path, options, CALL);
}

/** @throws CrowflyError `bad-option` */
export function checkReady(names: unknown, options: unknown): void {
  if (names !== undefined) check.list(() => {}, "a list of names, as in ready(['orders'])")(names, 'ready');
  checkOptions('ready', options, { timeoutMs: check.ms(1) });
}

const EVENTS: Readonly<Record<EventName, true>> = {
  snapshot: true,
  problem: true,
  stale: true,
  failed: true,
  recovered: true,
  unknown: true,
  guard: true,
  ejected: true,
  restored: true,
  left: true,
  retry: true,
  mispick: true,
  registering: true,
  registered: true,
  'registration-failed': true,
  'registration-recovered': true,
  deregistered: true,
};

/** @throws CrowflyError `bad-option` for an event that never happens, or no function */
export function checkListener(name: string, listener: unknown): void {
  if (!Object.hasOwn(EVENTS, name)) {
    throw new CrowflyError(
      'bad-option',
      `on: there is no event '${printable(name)}'; ${suggest(name, Object.keys(EVENTS))}`,
      {
        path: 'on',
      },
    );
  }
  check.function(listener, `on('${name}'): its listener`);
}

/** Defaults, then the discovery's defaults, then the service's row. A maximum is never below what it begins with. */
export function resolveSettings(
  strategy: Strategy,
  defaults: Behaviour,
  row: Behaviour,
  firstSetMs: number,
): Settings {
  const retry = layer<RetryOptions>(DEFAULTS.retry, defaults.retry, row.retry);
  const ejection = layer<EjectionOptions>(DEFAULTS.ejection, defaults.ejection, row.ejection);
  return {
    strategy: row.strategy ?? defaults.strategy ?? strategy,
    timeouts: layer<Timeouts>(DEFAULTS.timeouts, defaults.timeouts, row.timeouts),
    retry: { ...retry, backoffMaxMs: Math.max(retry.backoffMaxMs, retry.backoffMs) },
    ejection: { ...ejection, probeMaxMs: Math.max(ejection.probeMaxMs, ejection.probeMs) },
    guard: layer<GuardOptions>(DEFAULTS.guard, defaults.guard, row.guard),
    topology: row.topology ?? defaults.topology ?? DEFAULTS.topology,
    firstSetMs,
  };
}

/** Later layers win; an `undefined` in one counts as absent. */
export function layer<T extends object>(base: T, ...layers: readonly (Partial<T> | undefined)[]): T {
  const result = { ...base };
  for (const over of layers) {
    for (const [key, value] of Object.entries(over ?? {})) {
      if (value !== undefined) (result as Record<string, unknown>)[key] = value;
    }
  }
  return result;
}
