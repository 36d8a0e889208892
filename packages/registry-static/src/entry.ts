import { type Endpoint, kindOf, printable, suggest } from '@crowfly/core';
import { readAddress, showAddress } from './address.js';
import { FIELDS, isRecord, READERS } from './fields.js';
import { type EntryFlaw, Flaw, type Path } from './flaw.js';

/** What an entry has when it does not say otherwise. */
export type EntryDefaults = Readonly<Partial<Omit<Endpoint, 'id' | 'host'>>>;

/**
 * One instance, as `10.0.0.1:8080`, `http://10.0.0.1:8080` or `{ host, port, id?, zone?, ... }`.
 *
 * @param tell hears of every flaw, also of those that do not cost the entry
 * @returns a frozen endpoint, or `undefined` when the entry is skipped
 */
export function readEntry(
  raw: unknown,
  at: Path,
  defaults: EntryDefaults,
  tell: (flaw: EntryFlaw) => void,
): Endpoint | undefined {
  let sound = true;
  const skip = ({ code, text }: Flaw, key?: string): void => {
    sound = false;
    tell({ code, text, at: key === undefined ? at : [...at, key], skipped: true });
  };
  const fields: unknown = typeof raw === 'string' ? readAddress(raw) : raw;
  if (fields instanceof Flaw) {
    skip(fields);
    return undefined;
  }
  if (!isRecord(fields)) {
    skip(new Flaw('bad-entry', `expected 'host:port' or { host, port }, got ${kindOf(fields)}`));
    return undefined;
  }
  // Always in the order of FIELDS, so that equal endpoints print equally.
  const endpoint: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const base = field === 'id' || field === 'host' ? undefined : defaults[field];
    const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
    const read = value === undefined ? base : READERS[field](value);
    if (read instanceof Flaw) skip(read, field);
    else if (field === 'metadata' && read !== base)
      endpoint.metadata = merged(defaults.metadata, read as Endpoint['metadata']);
    else if (read !== undefined || field === 'id') endpoint[field] = read;
  }
  for (const key of Object.keys(fields)) {
    if (Object.hasOwn(READERS, key)) continue;
    const fault = new Flaw('unknown-key', `there is no such key; ${suggest(key, FIELDS)}`);
    if (key === '__proto__') skip(new Flaw('bad-entry', 'not possible as a key'), key);
    else tell({ code: fault.code, text: fault.text, at: [...at, key], skipped: false });
  }
  for (const field of ['host', 'port'] as const) {
    if (sound && endpoint[field] === undefined) skip(new Flaw(`bad-${field}`, `the ${field} is missing`));
  }
  if (!sound) return undefined;
  endpoint.id ??= showAddress(endpoint.host as string, endpoint.port as number);
  // Every field went through its reader, and the two that must be there are.
  return Object.freeze(endpoint) as unknown as Endpoint;
}

function merged(base: Endpoint['metadata'], own: Endpoint['metadata']): Endpoint['metadata'] {
  return base === undefined ? own : Object.freeze({ ...base, ...own });
}

/** What to call an entry in a report: its id, its address, or its place. */
export function entryName(raw: unknown, index: number): string {
  const name = isRecord(raw) ? (raw.id ?? raw.host) : raw;
  return typeof name === 'string' && name !== '' && !name.includes('@') ? printable(name) : `#${index}`;
}
