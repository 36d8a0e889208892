import type { Endpoint } from '../contract/endpoint.js';
import type { Problem } from '../contract/registry.js';
import { CrowflyError } from '../errors.js';
import { kindOf } from '../options.js';
import { printable } from '../text.js';
import type { MemberRecord } from './member.js';
import { Fault, readEndpoint } from './read-endpoint.js';
import { sameEndpoint } from './same-endpoint.js';

/** So many skipped entries of one set are told apart; the rest is a number. */
const MAX_PROBLEMS = 100;

/** So many entries are read in one piece, of those that were not there before, or say something else. */
const PIECE = 2_000;

/** What one set looks like after the gate: frozen endpoints with distinct ids, and what was wrong with the rest. */
export interface Gated {
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
}

/** One admitted entry of the last set: the same as long as sets name its id. */
export interface Entry {
  /** Frozen. The same object as long as it says the same. */
  endpoint: Endpoint;
  /** What the registry published, if it cannot change any more; else nothing that is equal to anything. */
  raw: object;
  /** Where it stood among the admitted ones. */
  index: number;
  /** The number of the last set that had it. */
  set: number;
  /** Whom membership made of it: its own note, so that it need not look for it. */
  member: MemberRecord | undefined;
}

const MAY_CHANGE = {};

/**
 * The one place where what a registry says becomes what the engine believes. Registries' contents are not trusted: a
 * bad entry costs that entry, a bad whole is an error.
 *
 * A large set mostly repeats the one before it. An entry that still says the same is not read again, and stays the same
 * object; one that is the same deeply frozen object at the place where it is expected is not even looked at.
 */
export class EndpointGate {
  readonly #max: number;
  #sets = 0;
  /** The last set, in its order and by id. */
  #last: readonly Entry[] = [];
  readonly #byId = new Map<unknown, Entry>();

  constructor(maxEndpoints: number) {
    this.#max = maxEndpoints;
  }

  /**
   * Reads a set in pieces; most are one. To be run to its end: what it found is kept in the entries.
   *
   * @throws CrowflyError `bad-data` when the set is no list, or has more entries than allowed
   */
  *admit(raw: unknown): Generator<void, Gated, void> {
    if (!Array.isArray(raw)) {
      throw new CrowflyError('bad-data', `a registry must publish a list of endpoints, got ${kindOf(raw)}`);
    }
    if (raw.length > this.#max) {
      throw new CrowflyError(
        'bad-data',
        `the registry delivered ${raw.length} endpoints, more than limits.maxEndpoints (${this.#max}): raise it if that is right`,
      );
    }
    // A copy: a list that cannot even be walked through must throw before anything is taken over.
    const list: readonly unknown[] = raw.slice();
    const set = ++this.#sets;
    const last = this.#last;
    const admitted: Entry[] = [];
    const problems: Problem[] = [];
    let skipped = 0;
    let kept = 0;
    let read = 0;
    /** Where in the last set the next entry is expected. */
    let at = 0;
    for (let index = 0; index < list.length; index++) {
      const entry = list[index];
      let known = last[at];
      if (known === undefined || known.raw !== entry || known.set === set) {
        if (++read % PIECE === 0) yield;
        try {
          known = this.#read(entry, set, known, admitted.at(-1)?.endpoint);
        } catch (error) {
          const fault = error instanceof Fault ? error : new Fault('bad-entry', 'it cannot be read');
          skipped++;
          if (problems.length < MAX_PROBLEMS) problems.push(problemOf(fault, entry, index));
          continue;
        }
      }
      if (known.set !== 0) {
        kept++;
        at = known.index + 1;
      }
      known.set = set;
      known.index = admitted.length;
      admitted.push(known);
    }
    if (kept < last.length) this.#forget(set);
    this.#last = admitted;
    if (skipped > problems.length) {
      const detail = `${skipped - problems.length} more endpoints are skipped`;
      problems.push({ code: 'more-problems', detail });
    }
    return { entries: admitted, problems };
  }

  /**
   * @param expected whom the entry is likely to be about
   * @param before the one before it in this set
   */
  #read(entry: unknown, set: number, expected: Entry | undefined, before: Endpoint | undefined): Entry {
    if (typeof entry !== 'object' || entry === null) {
      throw new Fault('bad-entry', `expected an object, got ${kindOf(entry)}`);
    }
    const { id } = entry as Endpoint;
    let known = expected?.endpoint.id === id ? expected : this.#byId.get(id);
    const same = known !== undefined && sameEndpoint(known.endpoint, entry as Endpoint);
    const endpoint = same ? (known as Entry).endpoint : readEndpoint(entry, before);
    // Read once more: it is the checked one that counts.
    if (known?.endpoint.id !== endpoint.id) known = this.#byId.get(endpoint.id);
    if (known?.set === set)
      throw new Fault('duplicate-id', `id '${printable(endpoint.id)}' stands there twice`);
    const raw = isFixed(entry as Endpoint) ? entry : MAY_CHANGE;
    if (known !== undefined) {
      known.raw = raw;
      known.endpoint = endpoint;
      return known;
    }
    const fresh: Entry = { endpoint, raw, index: 0, set: 0, member: undefined };
    this.#byId.set(endpoint.id, fresh);
    return fresh;
  }

  /** Those that are not in the set any more. */
  #forget(set: number): void {
    for (const known of this.#last) if (known.set !== set) this.#byId.delete(known.endpoint.id);
  }
}

/** Whether what the gate read of an entry is what it will find there for ever: a plain object, frozen to its depth. */
function isFixed(entry: Endpoint): boolean {
  return (
    Object.isFrozen(entry) &&
    isPlain(entry) &&
    (entry.metadata === undefined || Object.isFrozen(entry.metadata)) &&
    (entry.hints === undefined || isFixedHints(entry.hints))
  );
}

function isFixedHints(hints: NonNullable<Endpoint['hints']>): boolean {
  return Object.isFrozen(hints) && Object.isFrozen(hints.zones) && Object.isFrozen(hints.nodes);
}

/** Not of a class, whose accessors may answer differently each time. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function problemOf(fault: Fault, entry: unknown, index: number): Problem {
  const detail = `endpoint ${index} is skipped: ${fault.message}`;
  return { code: fault.code, detail, entry: nameOf(entry, index) };
}

function nameOf(entry: unknown, index: number): string {
  try {
    const { id } = entry as { id?: unknown };
    if (typeof id === 'string') return printable(id);
  } catch {
    // what cannot be read has no name
  }
  return `#${index}`;
}
