import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CrowflyError,
  check,
  checkOptions,
  type Feed,
  kindOf,
  nameFault,
  type RegistryFactory,
  type ServiceRef,
} from '@crowfly/core';
import { type Answer, answer, tell } from '../answer.js';
import { STATIC_CAPABILITIES } from '../capabilities.js';
import { locateByName } from '../locate.js';
import type { Catalog } from './catalog.js';
import type { FileFormat } from './document.js';
import { parseFile } from './parse.js';
import { FileSource, type Follower } from './source.js';

export interface FileOptions {
  /** How the file is written. Default: by its extension, `.json`, `.yaml` or `.yml`. */
  readonly format?: FileFormat;
  /** Service names with a dot that are in this file: `orders.shop`. Single-label names need no mention. */
  readonly names?: readonly string[];
  /** For Prometheus' target groups: the labels that may name the service, the first one present counts. */
  readonly serviceLabels?: readonly string[];
  /** How often the file is read even when the system reports no change, in milliseconds. */
  readonly pollMs?: number;
  /** The largest file that is read. Default: 16 MiB of JSON, 4 MiB of YAML. */
  readonly maxBytes?: number;
}

/** Every default of `file`. */
export const FILE_DEFAULTS = {
  pollMs: 5_000,
  serviceLabels: ['service', 'job'] as readonly string[],
  maxBytes: { json: 16 * 1024 * 1024, yaml: 4 * 1024 * 1024 },
} as const;

const FORMATS: Readonly<Record<string, FileFormat>> = { '.json': 'json', '.yaml': 'yaml', '.yml': 'yaml' };

/**
 * A registry of the services in a JSON or YAML file, followed while it changes, however it is replaced. A change is seen
 * within about 50 ms; one that takes instances away within about 100 ms, as it is looked at twice. Content that cannot
 * be read keeps the last good set, and the error says which line is wrong.
 *
 * It claims single-label names, and the dotted ones in `options.names`.
 *
 * @param path relative to the working directory, or a file: URL
 * @throws CrowflyError `bad-option` for a wrong option or an unknown extension; what is wrong with the file itself comes
 *   through the watches, as `bad-data`
 */
export function file(path: string | URL, options: FileOptions = {}): RegistryFactory {
  checkOptions('file', options, {
    format: check.oneOf('json', 'yaml'),
    names: check.list(check.string, 'a list of service names'),
    serviceLabels: check.list(check.string, 'a list of label names'),
    pollMs: check.ms(10),
    maxBytes: check.integer(1),
  });
  const absolute = absolutePath(path);
  const format = options.format ?? formatOf(absolute);
  const names = options.names ?? [];
  names.forEach((name, index) => {
    const fault = nameFault(name);
    if (fault === undefined) return;
    const at = `file.names[${index}]`;
    throw new CrowflyError('bad-option', `${at}: no URL can reach a service of this name: ${fault}`, {
      path: at,
    });
  });
  const parsing = {
    file: absolute,
    format,
    names,
    serviceLabels: options.serviceLabels ?? FILE_DEFAULTS.serviceLabels,
  };
  return ({ clock }) => {
    const source = new FileSource({
      path: absolute,
      clock,
      pollMs: options.pollMs ?? FILE_DEFAULTS.pollMs,
      maxBytes: options.maxBytes ?? FILE_DEFAULTS.maxBytes[format],
      parse: (text) => parseFile(text, parsing),
    });
    return {
      kind: 'file',
      id: `file:${absolute}`,
      supports: STATIC_CAPABILITIES,
      locate: (target) => locateByName(target, (name) => names.includes(name)),
      watch: (service, feed) => watchFile(source, service, feed, absolute),
      async close() {
        source.close();
      },
    };
  };
}

function watchFile(source: FileSource, service: ServiceRef, feed: Feed, where: string): Promise<void> {
  if (feed.signal.aborted) return Promise.resolve();
  return new Promise((settle, fail) => {
    let last: Answer | undefined;
    let reported = '';
    const follower: Follower = {
      key: `${service.key}:${service.port ?? ''}`,
      good(catalog) {
        const next = answer(catalog.services, service, where);
        tell(feed, next, last);
        last = next;
        reported = reportProblems(feed, catalog, service.key, reported);
      },
      bad(error) {
        feed.signal.removeEventListener('abort', end);
        fail(error);
      },
      notice: (problem) => feed.report(problem),
    };
    let stop = (): void => {};
    const end = (): void => {
      stop();
      settle();
    };
    feed.signal.addEventListener('abort', end, { once: true });
    stop = source.follow(follower);
    // What it was told at once may have made the core end it: a set with too many instances does.
    if (feed.signal.aborted) stop();
  });
}

/** Reports the problems of a service, unless they are those of the last time. @returns what to compare the next with */
function reportProblems(feed: Feed, catalog: Catalog, key: string, last: string): string {
  const problems = catalog.services.get(key)?.problems ?? [];
  const text = problems.map(({ detail }) => detail).join('\n');
  if (text !== last) for (const problem of problems) feed.report(problem);
  return text;
}

function absolutePath(path: string | URL): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return resolve(path);
  if (path instanceof URL && path.protocol === 'file:') return fileURLToPath(path);
  throw new CrowflyError('bad-option', `file(path): expected a path or a file: URL, got ${kindOf(path)}`, {
    path: 'file',
  });
}

function formatOf(path: string): FileFormat {
  const format = FORMATS[extname(path).toLowerCase()];
  if (format !== undefined) return format;
  throw new CrowflyError(
    'bad-option',
    `file.format: the extension of '${path}' is not .json, .yaml or .yml: say { format: 'json' } or { format: 'yaml' }`,
    {
      path: 'file.format',
    },
  );
}
