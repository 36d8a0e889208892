import type { Endpoint } from '@crowfly/core';

/** So many lists are joined at once. */
const MAX_PIECES = 10_000;

/**
 * One service's endpoints over all its slices, sorted by id. An endpoint may stand in two slices while it moves, and an
 * address may belong to a new pod while the old one still drains: each address and port is there once.
 *
 * A change costs what changed, and copying the list: endpoints that stay are the same objects, and are not looked at.
 */
export class Union {
  #sorted: readonly Endpoint[] = [];
  /** By address: the one endpoint, or the several that claim it, on one port or on several; the best first. */
  readonly #claims = new Map<string, Endpoint | readonly Endpoint[]>();

  get endpoints(): readonly Endpoint[] {
    return this.#sorted;
  }

  /** Takes some endpoints away and others in: what slices held before, and hold now. */
  change(before: readonly Endpoint[], after: readonly Endpoint[]): void {
    const gone = missingFrom(after, before);
    const come = missingFrom(before, after);
    if (gone.length + come.length === 0) return;
    const out = new Set<Endpoint>();
    const into = new Set<Endpoint>();
    for (const endpoint of gone) {
      const claims = asList(this.#claims.get(endpoint.host));
      this.#replace(endpoint, claims, without(claims, endpoint), out, into);
    }
    for (const endpoint of come) {
      const claims = this.#claims.get(endpoint.host);
      if (claims === undefined) {
        this.#claims.set(endpoint.host, endpoint);
        if (!out.delete(endpoint)) into.add(endpoint);
      } else {
        const list = asList(claims);
        this.#replace(endpoint, list, [...list, endpoint].sort(byClaim), out, into);
      }
    }
    this.#sorted = merge(this.#sorted, out, [...into].sort(byId));
  }

  /** Other claims on an address: another endpoint may be the one of this port. */
  #replace(
    { host, port }: Endpoint,
    claims: readonly Endpoint[],
    next: readonly Endpoint[],
    out: Set<Endpoint>,
    into: Set<Endpoint>,
  ): void {
    const was = claims.find((claim) => claim.port === port);
    const is = next.find((claim) => claim.port === port);
    if (was !== is) {
      if (was !== undefined && !into.delete(was)) out.add(was);
      if (is !== undefined && !out.delete(is)) into.add(is);
    }
    const [first] = next;
    if (first === undefined) this.#claims.delete(host);
    else this.#claims.set(host, next.length === 1 ? first : next);
  }
}

/** Those of `list` that `others` lacks. */
function missingFrom(others: readonly Endpoint[], list: readonly Endpoint[]): readonly Endpoint[] {
  if (others.length === 0 || list.length === 0) return list;
  const known = new Set(others);
  return list.filter((endpoint) => !known.has(endpoint));
}

function asList(claims: Endpoint | readonly Endpoint[] | undefined): readonly Endpoint[] {
  if (claims === undefined) return [];
  return Array.isArray(claims) ? (claims as readonly Endpoint[]) : [claims as Endpoint];
}

/** Once: two slices may hold endpoints that say the same. */
function without(claims: readonly Endpoint[], endpoint: Endpoint): readonly Endpoint[] {
  const at = claims.indexOf(endpoint);
  return at < 0 ? claims : [...claims.slice(0, at), ...claims.slice(at + 1)];
}

/** One that is ready comes before one that drains; else the order must only not depend on when they came. */
function byClaim(a: Endpoint, b: Endpoint): number {
  const draining = Number(a.state === 'draining') - Number(b.state === 'draining');
  return draining === 0 ? byId(a, b) : draining;
}

export function byId(a: Endpoint, b: Endpoint): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/**
 * All are sorted but `out`, which holds some of `sorted`. What stays is copied in whole pieces: going through ten thousand
 * endpoints one by one for the hundred that changed would be most of what a change costs.
 */
function merge(
  sorted: readonly Endpoint[],
  out: ReadonlySet<Endpoint>,
  into: readonly Endpoint[],
): readonly Endpoint[] {
  if (sorted.length === 0) return into;
  const holes = Array.from(out, (endpoint) => placeOf(sorted, endpoint, endpoint)).sort((a, b) => a - b);
  const pieces: (readonly Endpoint[])[] = [];
  let from = 0;
  let hole = 0;
  const copyTo = (at: number): void => {
    for (; (holes[hole] ?? at) < at; hole++) {
      const left = holes[hole] as number;
      pieces.push(sorted.slice(from, left));
      from = left + 1;
    }
    if (from < at) pieces.push(sorted.slice(from, at));
    from = Math.max(from, at);
  };
  for (const endpoint of into) {
    copyTo(placeOf(sorted, endpoint));
    pieces.push([endpoint]);
  }
  copyTo(sorted.length);
  return joined(pieces);
}

/** `flat` takes a hundred times as long; and so many arguments at once are too many. */
function joined(pieces: readonly (readonly Endpoint[])[]): readonly Endpoint[] {
  let all: Endpoint[] = [];
  for (let at = 0; at < pieces.length; at += MAX_PIECES)
    all = all.concat(...pieces.slice(at, at + MAX_PIECES));
  return all;
}

/** Where `exactly` stands; else where the first one stands whose id is not smaller. */
function placeOf(sorted: readonly Endpoint[], { id }: Endpoint, exactly?: Endpoint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as Endpoint).id < id) low = middle + 1;
    else high = middle;
  }
  // Several may have one id, where a cluster's data is odd.
  if (exactly !== undefined) while (low < sorted.length && sorted[low] !== exactly) low++;
  return low;
}
