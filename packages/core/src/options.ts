import leven from 'leven';
import { CrowflyError } from './errors.js';

/**
 * Checks one option's value.
 *
 * @param path where the value stands, for the message: `services.orders.timeouts.totalMs`
 * @throws CrowflyError `bad-option` naming the path, what is expected, and the kind of what was given
 */
export type Check = (value: unknown, path: string) => void;

/** The kind of a value, for messages. Never the value itself: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return Number.isFinite(value) ? `the number ${value}` : String(value);
  if (typeof value === 'object') return kindOfObject(value);
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  return value === undefined ? 'undefined' : `a ${typeof value}`;
}

/** By the prototype: an own `constructor` may be data from anywhere. */
function kindOfObject(value: object): string {
  const prototype: { constructor?: unknown } | null = Object.getPrototypeOf(value);
  const type = prototype?.constructor;
  return type === Object || typeof type !== 'function' ? 'an object' : `a ${type.name || 'nameless object'}`;
}

function expected(path: string, what: string, value: unknown): CrowflyError {
  return new CrowflyError('bad-option', `${path}: expected ${what}, got ${kindOf(value)}`, { path });
}

function when(holds: (value: unknown) => boolean, what: string): Check {
  return (value, path) => {
    if (!holds(value)) throw expected(path, what, value);
  };
}

const within = (value: unknown, min: number, max: number): value is number =>
  typeof value === 'number' && value >= min && value <= max;

const range = (min: number, max: number): string =>
  max === Number.POSITIVE_INFINITY ? `of at least ${min}` : `from ${min} to ${max}`;

/** The checks that options are made of. Each accepts `undefined` only where {@link checkOptions} meets an absent key. */
export const check = {
  /** A duration in milliseconds, at most 2^31 - 1: what timers can hold. */
  ms: (min = 0): Check =>
    when((v) => within(v, min, 2_147_483_647), `milliseconds, a number ${range(min, 2_147_483_647)}`),
  integer: (min: number, max = Number.POSITIVE_INFINITY): Check =>
    when((v) => Number.isInteger(v) && within(v, min, max), `a whole number ${range(min, max)}`),
  number: (min: number, max = Number.POSITIVE_INFINITY): Check =>
    when((v) => Number.isFinite(v) && within(v, min, max), `a number ${range(min, max)}`),
  string: when((v) => typeof v === 'string' && v !== '', 'a non-empty string'),
  boolean: when((v) => typeof v === 'boolean', 'true or false'),
  function: when((v) => typeof v === 'function', 'a function'),
  /** Any object: its keys are checked elsewhere. */
  anyObject: when((v) => typeof v === 'object' && v !== null && !Array.isArray(v), 'an object'),
  oneOf: (...values: readonly (string | boolean)[]): Check => {
    const what = values
      .map((value) => (typeof value === 'string' ? `'${value}'` : String(value)))
      .join(' or ');
    return when((v) => values.includes(v as string), what);
  },
  list:
    (item: Check, what = 'a list'): Check =>
    (value, path) => {
      if (!Array.isArray(value)) throw expected(path, what, value);
      value.forEach((entry, index) => {
        item(entry, `${path}[${index}]`);
      });
    },
  /** An object whose keys are free; each value is checked, an `undefined` one is absent. */
  table:
    (item: Check): Check =>
    (value, path) => {
      check.anyObject(value, path);
      for (const [key, entry] of Object.entries(value as object)) {
        if (entry !== undefined) item(entry, `${path}.${key}`);
      }
    },
  /** An object with known keys. */
  object:
    (shape: Readonly<Record<string, Check>>): Check =>
    (value, path) =>
      checkOptions(path, value, shape),
  /** Either check holds: tried in order, the message is `what`. */
  either:
    (what: string, ...checks: readonly Check[]): Check =>
    (value, path) => {
      for (const one of checks) {
        try {
          return one(value, path);
        } catch {
          // the next one may hold
        }
      }
      throw expected(path, what, value);
    },
} as const;

/**
 * Checks an options object: unknown keys and bad values are errors, absent and `undefined` ones are fine.
 *
 * @param path what the user calls the object: `createDiscovery`, `file(...)`, `services.orders`
 * @throws CrowflyError `bad-option` with the path of the key, and a suggestion when it looks misspelt
 */
export function checkOptions(path: string, value: unknown, shape: Readonly<Record<string, Check>>): void {
  check.anyObject(value, path);
  for (const [key, entry] of Object.entries(value as object)) {
    const at = `${path}.${key}`;
    if (!Object.hasOwn(shape, key)) {
      throw new CrowflyError(
        'bad-option',
        `${at}: there is no such option; ${suggest(key, Object.keys(shape))}`,
        {
          path: at,
        },
      );
    }
    if (entry !== undefined) shape[key]?.(entry, at);
  }
}

/** `did you mean 'x'?`, or the list of what there is. */
export function suggest(word: string, known: readonly string[]): string {
  const lower = word.toLowerCase();
  const limit = Math.max(1, Math.floor(word.length / 3));
  const distance = (candidate: string): number =>
    leven(lower, candidate.toLowerCase(), { maxDistance: limit + 1 });
  const best = known
    .map((candidate) => ({ candidate, far: distance(candidate) }))
    .sort((a, b) => a.far - b.far)
    .find(({ far }) => far <= limit);
  if (best !== undefined) return `did you mean '${best.candidate}'?`;
  return known.length === 0 ? 'there are none' : `there are ${known.map((name) => `'${name}'`).join(', ')}`;
}
