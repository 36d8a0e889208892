import { type Endpoint, hasControl, kindOf, printable } from '@crowfly/core';
import { readHost, readPort } from './address.js';
import { Flaw } from './flaw.js';

type Reader<T> = (value: unknown) => T | Flaw;

// Longer texts and larger maps than these are mistakes or attacks; core's gate has the same limits.
const MAX_TEXT = 512;
const MAX_METADATA_ENTRIES = 256;
const MAX_METADATA_VALUE = 4096;
const MAX_NUMBER = 1_000_000;

/** How each field of an endpoint is read; numbers may be written as text, as every scalar of YAML reaches us. */
export const READERS: { readonly [K in keyof Endpoint]-?: Reader<NonNullable<Endpoint[K]>> } = {
  id: (value) => readText('id', value),
  name: (value) => readText('name', value),
  host: readHost,
  port: readPort,
  protocol: (value) => oneOf('protocol', value, ['http', 'https', 'h2c']),
  zone: (value) => readText('zone', value),
  node: (value) => readText('node', value),
  hints: readHints,
  weight: (value) => readNumber('weight', value, false),
  priority: (value) => readNumber('priority', value, true),
  state: (value) => oneOf('state', value, ['ready', 'draining']),
  metadata: readMetadata,
};

export const FIELDS = Object.keys(READERS) as readonly (keyof Endpoint)[];

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readText(field: string, value: unknown): string | Flaw {
  const code = `bad-${field}`;
  if (typeof value !== 'string' || value === '')
    return new Flaw(code, `expected a text, got ${kindOf(value)}`);
  if (value.length > MAX_TEXT)
    return new Flaw(code, `${value.length} characters; at most ${MAX_TEXT} are allowed`);
  return hasControl(value) ? new Flaw(code, 'control characters are not allowed') : value;
}

function oneOf<T extends string>(field: string, value: unknown, known: readonly T[]): T | Flaw {
  if (known.includes(value as T)) return value as T;
  return new Flaw(
    `bad-${field}`,
    `expected ${known.map((word) => `'${word}'`).join(' or ')}, got ${show(value)}`,
  );
}

function readNumber(field: string, value: unknown, whole: boolean): number | Flaw {
  const number =
    typeof value === 'string' && /^[0-9]{1,7}(?:\.[0-9]{1,9})?$/.test(value) ? Number(value) : value;
  const fits = typeof number === 'number' && number >= 0 && number <= MAX_NUMBER;
  if (fits && (!whole || Number.isInteger(number))) return number;
  return new Flaw(
    `bad-${field}`,
    `expected a ${whole ? 'whole ' : ''}number from 0 to ${MAX_NUMBER}, got ${show(value)}`,
  );
}

function readHints(value: unknown): NonNullable<Endpoint['hints']> | Flaw {
  if (!isRecord(value)) return new Flaw('bad-hints', `expected { zones, nodes }, got ${kindOf(value)}`);
  const hints: { zones?: readonly string[]; nodes?: readonly string[] } = {};
  for (const key of Object.keys(value)) {
    if (key !== 'zones' && key !== 'nodes')
      return new Flaw('bad-hints', `'${printable(key)}' is neither zones nor nodes`);
    const names = value[key];
    const sound = Array.isArray(names) && names.length <= MAX_METADATA_ENTRIES;
    if (!sound || names.some((name) => readText('hints', name) instanceof Flaw)) {
      return new Flaw('bad-hints', `${key}: expected a list of at most ${MAX_METADATA_ENTRIES} names`);
    }
    hints[key] = Object.freeze([...names]);
  }
  return Object.freeze(hints);
}

/** Texts; numbers and booleans become the text that stands in the file. */
export function readMetadata(value: unknown): Readonly<Record<string, string>> | Flaw {
  if (!isRecord(value)) return new Flaw('bad-metadata', `expected keys with texts, got ${kindOf(value)}`);
  const entries = Object.entries(value);
  if (entries.length > MAX_METADATA_ENTRIES) {
    return new Flaw('bad-metadata', `${entries.length} entries; at most ${MAX_METADATA_ENTRIES} are allowed`);
  }
  const metadata: [string, string][] = [];
  for (const [key, entry] of entries) {
    if (key === '' || key === '__proto__' || key.length > MAX_TEXT || hasControl(key)) {
      return new Flaw('bad-metadata', `'${printable(key)}' is not possible as a key`);
    }
    const text = typeof entry === 'number' || typeof entry === 'boolean' ? String(entry) : entry;
    if (typeof text !== 'string' || text.length > MAX_METADATA_VALUE || hasControl(text)) {
      const what = `a text of at most ${MAX_METADATA_VALUE} characters without control characters`;
      return new Flaw('bad-metadata', `'${printable(key)}': expected ${what}, got ${kindOf(entry)}`);
    }
    metadata.push([key, text]);
  }
  return Object.freeze(Object.fromEntries(metadata));
}

/** Short words and numbers as they are, anything else by its kind: it may be long, or a secret in the wrong place. */
function show(value: unknown): string {
  return typeof value === 'string' && /^[\w.-]{1,20}$/.test(value) ? `'${value}'` : kindOf(value);
}
