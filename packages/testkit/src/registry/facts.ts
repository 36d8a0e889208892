import type { Endpoint } from '@crowfly/core';
import { describeError, kindOf } from '@crowfly/core';
import { fingerprint } from './instances.js';
import { Breach } from './rules.js';

/** What an adapter said about a service. `print`: the set as it was when it was published. */
export type Fact =
  | { readonly kind: 'set'; readonly endpoints: readonly Endpoint[]; readonly print: string }
  | { readonly kind: 'unknown'; readonly reason: string };

/** The whole of a set as text. */
export function fingerprintOf(endpoints: readonly Endpoint[]): string {
  try {
    return fingerprint(endpoints);
  } catch (error) {
    return `not plain data: ${describeError(error)}`;
  }
}

/** Why `set` is not what `publish` takes, when the backend holds nothing but good instances. */
export function faultOfSet(set: unknown): Breach | undefined {
  if (!Array.isArray(set)) {
    return new Breach(
      1,
      `publish() got ${kindOf(set)}`,
      'Publish the whole set as a list; call unknown() when there is no such service',
    );
  }
  const ids = new Set<unknown>();
  for (const entry of set as readonly Partial<Endpoint>[]) {
    const fault = faultOfEntry(entry);
    if (fault !== undefined)
      return new Breach(1, fault, 'The core skips such an entry, so the set is not whole');
    if (ids.has(entry.id)) {
      return new Breach(
        3,
        `two entries of one set have the id '${String(entry.id)}'`,
        'Publish each instance once, with an id that no other one has',
      );
    }
    ids.add(entry.id);
  }
  return undefined;
}

function faultOfEntry(entry: Partial<Endpoint> | null | undefined): string | undefined {
  if (typeof entry !== 'object' || entry === null) return `published ${kindOf(entry)} as an instance`;
  if (typeof entry.id !== 'string' || entry.id === '' || entry.id.length > 512) {
    return `published an instance whose id is ${kindOf(entry.id)} (1 to 512 characters are expected)`;
  }
  if (typeof entry.host !== 'string' || entry.host === '')
    return `published an instance whose host is ${kindOf(entry.host)}`;
  const { port } = entry;
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return `published an instance whose port is ${kindOf(port)}`;
  }
  return undefined;
}

/** Whether `fact` says again what `before` said. */
export function repeats(before: Fact, fact: Fact): Breach | undefined {
  if (before.kind === 'unknown' || fact.kind === 'unknown') {
    return before.kind === fact.kind
      ? new Breach(3, 'unknown() was called twice in a row', 'Call it once, until the service exists again')
      : undefined;
  }
  if (before.print === fact.print) {
    return new Breach(
      3,
      `the same set of ${fact.endpoints.length} instances was published twice in a row`,
      'Compare with the set published last, and stay silent when nothing changed',
    );
  }
  if (members(before.print) === members(fact.print)) {
    return new Breach(
      3,
      'the same set was published again in another order',
      'Sort the set, by id for example, before comparing and publishing it',
    );
  }
  return undefined;
}

/** The set without its order. */
function members(print: string): string {
  if (!print.startsWith('[')) return print;
  const entries = JSON.parse(print) as unknown[];
  return JSON.stringify(entries.map((entry) => JSON.stringify(entry)).sort());
}
