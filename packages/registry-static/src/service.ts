import { type Endpoint, kindOf, suggest } from '@crowfly/core';
import { type EntryDefaults, entryName, readEntry } from './entry.js';
import { FIELDS, isRecord, READERS } from './fields.js';
import { type EntryFlaw, Flaw, Malformed, type Path } from './flaw.js';

/** What the data says about one service. */
export interface ServiceData {
  /** Frozen, sorted by id, ids distinct. */
  readonly endpoints: readonly Endpoint[];
  readonly flaws: readonly EntryFlaw[];
}

/** One entry to read: what it is, where it stands, what holds when it does not say. */
export interface RawEntry {
  readonly raw: unknown;
  readonly at: Path;
  readonly defaults: EntryDefaults;
}

/** More than any list should hold: checked before anything is made of the entries. */
export const MAX_ENTRIES = 100_000;
/** More flaws than these tell nobody more. */
const MAX_FLAWS = 100;
const SHARED_FIELDS = FIELDS.filter((field) => field !== 'id' && field !== 'host');

/**
 * The entries of a service: a list, or `{ endpoints: [...], protocol?, port?, zone?, ... }` with defaults for all.
 *
 * @throws Malformed for any other shape, and for bad defaults
 */
export function listEntries(raw: unknown, at: Path): RawEntry[] {
  if (Array.isArray(raw)) return toEntries(raw, at, {});
  if (!isRecord(raw))
    throw new Malformed(at, `expected a list of instances (write [] for none), got ${kindOf(raw)}`);
  const known = ['endpoints', ...SHARED_FIELDS];
  const defaults: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (key === 'endpoints') continue;
    const field = SHARED_FIELDS.find((name) => name === key);
    if (field === undefined)
      throw new Malformed([...at, key], `there is no such key; ${suggest(key, known)}`);
    const read = READERS[field](value);
    if (read instanceof Flaw) throw new Malformed([...at, key], read.text);
    defaults[key] = read;
  }
  const endpoints: unknown = Object.hasOwn(raw, 'endpoints') ? raw.endpoints : undefined;
  if (!Array.isArray(endpoints)) {
    throw new Malformed(
      [...at, 'endpoints'],
      `expected a list of instances (write [] for none), got ${kindOf(endpoints)}`,
    );
  }
  return toEntries(endpoints, [...at, 'endpoints'], defaults);
}

/** @throws Malformed when there are too many */
export function toEntries(list: readonly unknown[], at: Path, defaults: EntryDefaults): RawEntry[] {
  if (list.length > MAX_ENTRIES)
    throw new Malformed(at, `${list.length} instances; at most ${MAX_ENTRIES} are allowed`);
  return list.map((raw, index) => ({ raw, at: [...at, index], defaults }));
}

/** Reads entries; a bad one, and one whose id was there before, costs itself alone. */
export function readEntries(entries: readonly RawEntry[]): ServiceData {
  const endpoints = new Map<string, Endpoint>();
  const flaws: EntryFlaw[] = [];
  let silent = 0;
  entries.forEach(({ raw, at, defaults }, index) => {
    const tell = (flaw: EntryFlaw): void => {
      if (flaws.length < MAX_FLAWS) flaws.push({ ...flaw, entry: entryName(raw, index) });
      else silent++;
    };
    const endpoint = readEntry(raw, at, defaults, tell);
    if (endpoint === undefined) return;
    if (!endpoints.has(endpoint.id)) {
      endpoints.set(endpoint.id, endpoint);
      return;
    }
    const text = 'an instance with this id stands above: give each an id of its own';
    tell({ code: 'duplicate-id', text, at, skipped: true });
  });
  if (silent > 0) {
    flaws.push({
      code: 'more-problems',
      text: `${silent} more problems`,
      at: [],
      skipped: false,
      entry: `+${silent}`,
    });
  }
  const sorted = [...endpoints.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { endpoints: Object.freeze(sorted), flaws };
}
