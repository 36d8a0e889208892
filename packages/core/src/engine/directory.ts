import { LRUCache } from 'lru-cache';
import type { Registry, RegistryFactory, ServiceRef, Target } from '../contract/registry.js';
import { CrowflyError } from '../errors.js';
import { isAddress, isDangerous, nameFault, overrideVariable } from '../names.js';
import { printable } from '../text.js';
import type { EngineOptions, Route, ServiceOptions } from './api.js';
import type { Backoff } from './backoff.js';
import { fixedRegistry, readOrigins } from './fixed.js';
import { SELF_VARIABLES } from './self.js';

/** A registry that this engine opened. */
export interface Source {
  readonly registry: Registry;
  readonly backoff: Backoff;
}

/** A name, understood: which service of which registry, and how calls to it behave. */
export interface Located {
  readonly ref: ServiceRef;
  readonly source: Source;
  readonly row: ServiceOptions;
  /** Whether a row of the services table names it. */
  readonly configured: boolean;
  /** Distinct for each set of instances. */
  readonly id: string;
}

/** The engine's side of a {@link Route}. */
export interface LocatedRoute extends Route {
  readonly located: Located;
  readonly tls: boolean;
}

const MAX_ROUTES = 10_000;
/** Longer than any name of any registry. */
const MAX_TEXT = 1_000;

/** Rows of the services table that one registry locates, by canonical name. */
type Rows = Map<string, ServiceOptions>;

/** Which names are services, and whose. */
export class Directory {
  readonly #options: EngineOptions;
  readonly #open: (create: RegistryFactory) => Source;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #main: Source | undefined;
  readonly #mainRows: Rows = new Map();
  /** Registries of single rows; asked first. */
  readonly #own = new Map<Source, Rows>();
  readonly #fixed = new Map<string, Source>();
  readonly #routes = new LRUCache<string, { readonly route: LocatedRoute | undefined }>({ max: MAX_ROUTES });

  /**
   * @param env where overrides are looked for
   * @param open opens a factory once and gives the same source each time
   * @throws CrowflyError `bad-option` for a row that no URL can reach
   */
  constructor(
    options: EngineOptions,
    env: Readonly<Record<string, string | undefined>>,
    open: (create: RegistryFactory) => Source,
  ) {
    this.#options = options;
    this.#open = open;
    this.#env = env;
    this.#main = options.registry === undefined ? undefined : open(options.registry);
    for (const [name, row] of Object.entries(options.services ?? {})) {
      if (row !== undefined) this.#addRow(name, row);
    }
  }

  /** The names of the services table, as written. */
  get configured(): readonly string[] {
    return Object.keys(this.#options.services ?? {});
  }

  /** @throws CrowflyError `bad-name` for user info in a service's URL; `unknown-service` for a service name that nothing locates */
  route(url: URL): LocatedRoute | undefined {
    const key = `${url.protocol}//${url.host}`;
    let entry = this.#routes.get(key);
    if (entry === undefined) {
      entry = { route: this.#resolve(url) };
      this.#routes.set(key, entry);
    }
    const { route } = entry;
    if (route !== undefined && (url.username !== '' || url.password !== '')) {
      throw new CrowflyError(
        'bad-name',
        `the URL of service '${route.service}' has user info, which would be lost or sent to the wrong place: write the name alone, and credentials into a header`,
        { service: route.service },
      );
    }
    return route;
  }

  /**
   * A configured name, or one given to `ready`, `instances`, `watch`, `explain`.
   *
   * @throws CrowflyError `bad-name` when it cannot be one; `unknown-service` when nothing locates it
   */
  locate(name: string): Located {
    if (typeof name !== 'string')
      throw new CrowflyError('bad-name', 'a service name is a string, as in a URL: orders');
    const located = isNever(name) ? undefined : this.#locate(name);
    if (located !== undefined) return located;
    const fault = nameProblem(name);
    if (fault !== undefined)
      throw new CrowflyError('bad-name', `service name '${printable(name)}': ${fault}`);
    throw this.#unlocated(name);
  }

  /**
   * Where instances of a service are registered: its row's registry, or the discovery's, whatever fixed addresses a row
   * or the environment has for callers.
   *
   * @throws CrowflyError `bad-option` when there is none, `bad-name` for a name that it cannot have
   */
  home(name: string, registry: RegistryFactory | undefined): { source: Source; ref: ServiceRef } {
    const path = 'register.service';
    if (isNever(name) || nameProblem(name) !== undefined)
      throw new CrowflyError('bad-name', `${path} '${printable(name)}': ${nameProblem(name)}`, { path });
    const own = [...this.#own].find(([source, rows]) => {
      const ref = source.registry.locate(name);
      return ref !== undefined && rowOf(rows, ref) !== undefined;
    });
    const source = registry === undefined ? (own?.[0] ?? this.#main) : this.#open(registry);
    if (source === undefined)
      throw new CrowflyError(
        'bad-option',
        `register.registry: this discovery has no registry to register in: pass one`,
        {
          path: 'register.registry',
        },
      );
    const ref = source.registry.locate(name);
    if (ref !== undefined) return { source, ref };
    throw new CrowflyError(
      'bad-name',
      `${path} '${printable(name)}': ${source.registry.id} does not know such names`,
      { path },
    );
  }

  #resolve(url: URL): LocatedRoute | undefined {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined;
    const host = url.hostname;
    if (isAddress(host) || isLocalhost(host)) return undefined;
    const matched = this.#matches(host);
    if (matched === false) return undefined;
    const scheme = url.protocol === 'https:' ? 'https' : 'http';
    const located = this.#locate({ scheme, host, ...(url.port === '' ? {} : { port: Number(url.port) }) });
    if (located !== undefined) {
      const { key } = located.ref;
      return { scheme, authority: url.host, hostname: host, service: key, located, tls: scheme === 'https' };
    }
    if (matched || !host.includes('.')) throw this.#unlocated(host);
    return undefined;
  }

  #matches(host: string): boolean | undefined {
    const { match } = this.#options;
    if (match === undefined) return undefined;
    if (typeof match === 'function') return match(host);
    if (Object.hasOwn(this.#options.services ?? {}, host)) return undefined;
    return match.some((pattern) =>
      pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern,
    );
  }

  #locate(target: Target): Located | undefined {
    const name = typeof target === 'string' ? target : target.host;
    for (const [source, rows] of this.#own) {
      const ref = source.registry.locate(asConfigured(target)) ?? { key: name };
      const row = rowOf(rows, ref);
      if (row !== undefined) return this.#overridden(target, ref, row) ?? at(source, ref, row);
    }
    const ref = this.#main?.registry.locate(target) ?? this.#inTable(target, name);
    const row = ref === undefined ? undefined : rowOf(this.#mainRows, ref);
    const override = this.#overridden(target, ref, row);
    if (override !== undefined || ref === undefined) return override;
    return this.#main === undefined ? undefined : at(this.#main, ref, row);
  }

  /** A name that its registry does not claim by itself, but that a row makes a service. */
  #inTable(target: Target, name: string): ServiceRef | undefined {
    const ref = this.#main?.registry.locate(asConfigured(target)) ?? { key: name };
    return rowOf(this.#mainRows, ref) === undefined ? undefined : ref;
  }

  /** The environment's word, else the row's fixed instances. */
  #overridden(
    target: Target,
    ref: ServiceRef | undefined,
    row: ServiceOptions | undefined,
  ): Located | undefined {
    const name = typeof target === 'string' ? target : target.host;
    if (ref === undefined && (nameFault(name) !== undefined || name === 'localhost')) return undefined;
    for (const variable of new Set([overrideVariable(name), overrideVariable(ref?.key ?? name)])) {
      const value = SELF_VARIABLES.has(variable) ? undefined : this.#env[variable];
      if (value) return at(this.#fixedSource(variable, value), { key: ref?.key ?? name }, row);
    }
    if (row?.url === undefined || ref === undefined) return undefined;
    return at(this.#fixedSource(`services.${ref.key}.url`, row.url), { key: ref.key }, row);
  }

  #fixedSource(path: string, origins: string | readonly string[]): Source {
    let source = this.#fixed.get(path);
    if (source === undefined) {
      const endpoints = readOrigins(origins, path);
      source = this.#open(() => fixedRegistry(`fixed:${path}`, () => endpoints));
      this.#fixed.set(path, source);
    }
    return source;
  }

  #addRow(name: string, row: ServiceOptions): void {
    const path = `createDiscovery.services.${printable(name)}`;
    const source = row.registry === undefined ? this.#main : this.#open(row.registry);
    const ref = isNever(name) ? undefined : source?.registry.locate(name);
    if (ref === undefined) {
      const fault = nameProblem(name);
      if (fault !== undefined)
        throw new CrowflyError('bad-option', `${path}: no URL can reach this name: ${fault}`, { path });
    }
    const key = refId(ref ?? { key: name });
    let rows = this.#mainRows;
    if (row.registry !== undefined && source !== undefined) {
      rows = this.#own.get(source) ?? new Map();
      this.#own.set(source, rows);
    }
    if (rows.has(key)) {
      throw new CrowflyError(
        'bad-option',
        `${path}: another row already means the same service ('${key}'): keep one`,
        { path },
      );
    }
    rows.set(key, row);
    if (row.url !== undefined) readOrigins(row.url, `${path}.url`);
  }

  #unlocated(name: string): CrowflyError {
    const looked = [this.#main, ...this.#own.keys()].flatMap((source) =>
      source === undefined ? [] : [source.registry.id],
    );
    const where =
      looked.length === 0
        ? 'this discovery has no registry'
        : `${looked.join(', ')} ${looked.length === 1 ? 'does' : 'do'} not know such names`;
    const fix = `pass { registry }, a row services['${name}'] with a url, or ${overrideVariable(name)}=http://localhost:3001 in the environment; or leave the name alone with match`;
    return new CrowflyError('unknown-service', `'${name}' looks like a service, but ${where}: ${fix}`, {
      service: name,
    });
  }
}

/** With a trailing dot it is the same host. */
function isLocalhost(host: string): boolean {
  return /^(?:.*\.)?localhost\.?$/.test(host);
}

/** What is no service, whatever a registry makes of it. */
function isNever(name: string): boolean {
  return name === '' || name.length > MAX_TEXT || isDangerous(name) || isAddress(name) || isLocalhost(name);
}

function nameProblem(name: string): string | undefined {
  if (isLocalhost(name)) return 'localhost is never a service';
  if (isDangerous(name)) return "it is a name, not a path: labels of a-z, 0-9, '-' and '_', joined by dots";
  return nameFault(name);
}

function asConfigured(target: Target): Target {
  return typeof target === 'string' ? target : { ...target, configured: true };
}

function at(source: Source, ref: ServiceRef, row: ServiceOptions | undefined): Located {
  return {
    source,
    ref,
    row: row ?? {},
    configured: row !== undefined,
    id: `${source.registry.id}|${refId(ref)}`,
  };
}

/** One set of instances: the service, and its port where that makes a difference. */
export function refId({ key, port }: ServiceRef): string {
  return port === undefined ? key : `${key}:${port}`;
}

/** The row of this very port, else the service's. */
function rowOf(rows: Rows, ref: ServiceRef): ServiceOptions | undefined {
  return rows.get(refId(ref)) ?? rows.get(ref.key);
}
