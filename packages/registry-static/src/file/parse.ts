import { CrowflyError, kindOf, nameFault, type Problem, suggest } from '@crowfly/core';
import { isRecord } from '../fields.js';
import { type EntryFlaw, Malformed, type Path, showPath } from '../flaw.js';
import { listEntries, MAX_ENTRIES, type RawEntry, readEntries } from '../service.js';
import type { Catalog, CatalogService } from './catalog.js';
import { type Document, type FileFormat, readDocument } from './document.js';
import { listTargetGroups } from './file-sd.js';
import { Lines } from './lines.js';
import { SyntaxFault } from './syntax-fault.js';
import { Wanted } from './wanted.js';

export interface ParseOptions {
  /** What to call the file in messages: its absolute path. */
  readonly file: string;
  readonly format: FileFormat;
  /** For target groups: the labels that name the service. */
  readonly serviceLabels: readonly string[];
  /** Dotted names that URLs reach. */
  readonly names: readonly string[];
}

/** More than these tell nobody more. */
const MAX_PROBLEMS = 100;

/**
 * The contents of a file: our own form (`services: { orders: [...] }`) or Prometheus' target groups (a list). Pure.
 *
 * @throws CrowflyError `bad-data` with `file:line:column` and what to do, when it cannot be read as a whole
 */
export function parseFile(text: string, options: ParseOptions): Catalog {
  const bad = (offset: number, what: string, path?: string): CrowflyError => {
    const where = `${options.file}:${new Lines(text).at(offset)}`;
    return new CrowflyError('bad-data', `${where}: ${what}`, path === undefined ? {} : { path });
  };
  let document: Document | undefined;
  try {
    document = readDocument(text, options.format);
    return readCatalog(document, text, options);
  } catch (error) {
    if (error instanceof SyntaxFault) throw bad(error.offset, error.message);
    if (!(error instanceof Malformed) || document === undefined) throw error;
    const [offset = 0] = locate(document, [error.at]);
    const path = showPath('', error.at);
    throw bad(offset, path === '' ? error.message : `${path}: ${error.message}`, path);
  }
}

function readCatalog(document: Document, text: string, options: ParseOptions): Catalog {
  const general: EntryFlaw[] = [];
  const tell = (flaw: EntryFlaw): void => {
    if (general.length < MAX_PROBLEMS) general.push(flaw);
  };
  const lists = Array.isArray(document.value)
    ? listTargetGroups(document.value, options.serviceLabels, tell)
    : listServices(document.value, options.names, tell);
  const read = [...lists].map(([name, list]) => ({ name, ...readEntries(list) }));
  const toProblem = problemWriter(document, text, options.file, [
    ...general,
    ...read.flatMap(({ flaws }) => flaws),
  ]);
  const services = new Map<string, CatalogService>();
  for (const { name, endpoints, flaws } of read)
    services.set(name, { endpoints, problems: flaws.map(toProblem) });
  return { services, problems: general.map(toProblem) };
}

/** Looks all the places up in one go. */
function problemWriter(
  document: Document,
  text: string,
  file: string,
  flaws: readonly EntryFlaw[],
): (flaw: EntryFlaw) => Problem {
  const offsets = locate(
    document,
    flaws.map(({ at }) => at),
  );
  const lines = flaws.length > 0 ? new Lines(text) : undefined;
  const places = new Map(flaws.map((flaw, index) => [flaw, lines?.at(offsets[index] ?? 0)]));
  return (flaw) => {
    const path = showPath('', flaw.at);
    const detail = `${file}:${places.get(flaw)}: ${path}: ${flaw.text}${flaw.skipped ? '; it is skipped' : ''}`;
    return { code: flaw.code, detail, entry: flaw.entry ?? path };
  };
}

function locate(document: Document, paths: readonly Path[]): number[] {
  if (paths.length === 0) return [];
  const wanted = new Wanted();
  for (const path of paths) wanted.add(path);
  document.locate(wanted);
  return paths.map((path) => wanted.find(path));
}

function listServices(
  value: unknown,
  names: readonly string[],
  tell: (flaw: EntryFlaw) => void,
): Map<string, RawEntry[]> {
  if (!isRecord(value) || !Object.hasOwn(value, 'services')) {
    const got = isRecord(value) ? suggestServices(Object.keys(value)) : kindOf(value);
    throw new Malformed(
      [],
      `expected 'services:' with instances by service name, or a list of target groups, got ${got}`,
    );
  }
  for (const key of Object.keys(value)) {
    // As in other YAML files: a place for anchors.
    if (key === 'services' || key.startsWith('x-')) continue;
    throw new Malformed([key], `there is no such key here; ${suggest(key, ['services'])} (x-... is free)`);
  }
  const { services } = value;
  if (!isRecord(services))
    throw new Malformed(['services'], `expected instances by service name, got ${kindOf(services)}`);
  const lists = new Map<string, RawEntry[]>();
  let count = 0;
  for (const [name, list] of Object.entries(services)) {
    const at = ['services', name];
    const fault = nameFault(name);
    if (fault !== undefined) throw new Malformed(at, `no URL can reach a service of this name: ${fault}`);
    if (name.includes('.') && !names.includes(name)) {
      const text = `URLs reach names with a dot only when they are declared: file(path, { names: ['${name}'] })`;
      tell({ code: 'undeclared-name', text, at, skipped: false });
    }
    const entries = listEntries(list, at);
    count += entries.length;
    if (count > MAX_ENTRIES) throw new Malformed(at, `more than ${MAX_ENTRIES} instances in all`);
    lists.set(name, entries);
  }
  return lists;
}

function suggestServices(keys: readonly string[]): string {
  const near = keys.find((key) => suggest(key, ['services']).startsWith('did you mean'));
  return near === undefined ? 'an object without it' : `'${near}'`;
}
