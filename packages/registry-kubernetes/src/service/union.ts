import type { Endpoint } from '@crowfly/core';

/**
 * One service's endpoints over all its slices, sorted by id. An endpoint may stand in two slices while it moves, and an
 * address may belong to a new pod while the old one still drains: each address and port is there once.
 *
 * A change costs what changed, and one pass of pointer work over the rest: endpoints that stay are the same objects.
 */
export class Union {
  #sorted: readonly Endpoint[] = [];
  /** By address and port: the one endpoint, or the several that claim it. */
  readonly #claims = new Map<string, Endpoint | readonly Endpoint[]>();

  get endpoints(): readonly Endpoint[] {
    return this.#sorted;
  }

  /** Takes some endpoints away and others in: what slices held before, and hold now. */
  change(before: readonly Endpoint[], after: readonly Endpoint[]): void {
    const kept = new Set(after);
    const gone = before.filter((endpoint) => !kept.has(endpoint));
    const known = gone.length === before.length ? undefined : new Set(before);
    const come = known === undefined ? after : after.filter((endpoint) => !known.has(endpoint));
    if (gone.length + come.length === 0) return;
    const out = new Set<Endpoint>();
    const into = new Set<Endpoint>();
    const touch = (endpoint: Endpoint, edit: (claims: readonly Endpoint[]) => readonly Endpoint[]): void => {
      const key = `${endpoint.host} ${endpoint.port}`;
      const claims = asList(this.#claims.get(key));
      const next = edit(claims);
      const [was] = claims;
      const [is] = next;
      if (was !== is) {
        if (was !== undefined && !into.delete(was)) out.add(was);
        if (is !== undefined && !out.delete(is)) into.add(is);
      }
      if (is === undefined) this.#claims.delete(key);
      else this.#claims.set(key, next.length === 1 ? is : next);
    };
    for (const endpoint of gone) touch(endpoint, (claims) => without(claims, endpoint));
    for (const endpoint of come) touch(endpoint, (claims) => [...claims, endpoint].sort(byClaim));
    this.#sorted = merge(this.#sorted, out, [...into].sort(byId));
  }

  clear(): void {
    this.#sorted = [];
    this.#claims.clear();
  }
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

/** Both lists are sorted. */
function merge(
  sorted: readonly Endpoint[],
  out: ReadonlySet<Endpoint>,
  into: readonly Endpoint[],
): readonly Endpoint[] {
  if (sorted.length === 0) return into;
  const merged: Endpoint[] = [];
  let next = 0;
  for (const endpoint of sorted) {
    if (out.size > 0 && out.has(endpoint)) continue;
    for (let one = into[next]; one !== undefined && byId(one, endpoint) < 0; one = into[next]) {
      merged.push(one);
      next++;
    }
    merged.push(endpoint);
  }
  for (; next < into.length; next++) merged.push(into[next] as Endpoint);
  return merged;
}
