import { CrowflyError, kindOf, nameFault, type Problem, suggest } from '@crowfly/core';
import { isRecord } from '../fields.js';
import { type EntryFlaw, Malformed, type Path, showPath } from '../flaw.js';
import { listEntries, MAX_ENTRIES, type RawEntry, readEntries } from '../service.js';
import type { Catalog, CatalogService } from './catalog.js';
import { type Document, type FileFormat, readDocument } from './document.js';
import { listTargetGroups } from './file-sd.js';
import { SyntaxFault } from './json-syntax.js';
import { lineAndColumn } from './lines.js';

export interface ParseOptions {
  /** What to call the file in messages: its absolute path. */
  readonly file: string;
  readonly format: FileFormat;
  /** For target groups: the labels that name the service. */
  readonly serviceLabels: readonly string[];
  /** Dotted names that URLs reach. */
  readonly names: readonly string[];
}

/**
 * The contents of a file: our own form (`services: { orders: [...] }`) or Prometheus' target groups (a list). Pure.
 *
 * @throws CrowflyError `bad-data` with `file:line:column` and what to do, when it cannot be read as a whole
 */
export function parseFile(text: string, options: ParseOptions): Catalog {
  const { file } = options;
  const bad = (offset: number, what: string, path?: string): CrowflyError =>
    new CrowflyError(
      'bad-data',
      `${file}:${lineAndColumn(text, offset)}: ${what}`,
      path === undefined ? {} : { path },
    );
  let document: Document | undefined;
  try {
    document = readDocument(text, options.format);
    return readCatalog(document, text, options);
  } catch (error) {
    if (error instanceof SyntaxFault) throw bad(error.offset, error.message);
    if (!(error instanceof Malformed) || document === undefined) throw error;
    const path = showPath('', error.at);
    throw bad(document.offset(error.at), path === '' ? error.message : `${path}: ${error.message}`, path);
  }
}

function readCatalog(document: Document, text: string, options: ParseOptions): Catalog {
  const where = (at: Path): string => `${options.file}:${lineAndColumn(text, document.offset(at))}`;
  const flaws: EntryFlaw[] = [];
  const lists = Array.isArray(document.value)
    ? listTargetGroups(document.value, options.serviceLabels, (flaw) => flaws.push(flaw))
    : listServices(document.value, options.names, (flaw) => flaws.push(flaw));
  const services = new Map<string, CatalogService>();
  for (const [name, list] of lists) {
    const data = readEntries(list);
    const problems = data.flaws.map((flaw) => problemOf(flaw, where, flaw.entry));
    services.set(name, { endpoints: data.endpoints, problems });
  }
  return { services, problems: flaws.slice(0, 100).map((flaw) => problemOf(flaw, where)) };
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

function problemOf(flaw: EntryFlaw, where: (at: Path) => string, entry = showPath('', flaw.at)): Problem {
  const effect = flaw.skipped ? '; it is skipped' : '';
  return {
    code: flaw.code,
    detail: `${where(flaw.at)}: ${showPath('', flaw.at)}: ${flaw.text}${effect}`,
    entry,
  };
}
