import type { Capabilities, Endpoint } from '@crowfly/core';

/** The instances that the kit puts: each field beyond host and port only where the adapter says that it can tell it. */
export function makeInstances(
  count: number,
  supports: Capabilities,
  port: number | undefined,
  from = 0,
): Endpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const n = from + index;
    return {
      id: `instance-${n}`,
      host: `10.20.${Math.floor(n / 250)}.${1 + (n % 250)}`,
      port: port ?? 8080 + (n % 2),
      ...(supports.zones === true ? { zone: `zone-${'ab'[n % 2]}` } : {}),
      ...(supports.weights === true ? { weight: 1 + (n % 3) } : {}),
      ...(supports.priorities === true ? { priority: n % 2 } : {}),
    };
  });
}

/** What of an instance every adapter with these capabilities must deliver, as one comparable line. */
export function essence(endpoint: Endpoint, supports: Capabilities): string {
  const { host, port, zone, weight = 1, priority = 0, state = 'ready' } = endpoint;
  return [
    `${String(host).toLowerCase()}:${port}`,
    ...(supports.zones === true && zone !== undefined ? [`zone ${zone}`] : []),
    ...(supports.weights === true ? [`weight ${weight}`] : []),
    ...(supports.priorities === true ? [`priority ${priority}`] : []),
    ...(supports.draining === true ? [state] : []),
  ].join(' ');
}

/** What two sets have to do with each other. `undefined`: they hold the same instances. */
export function difference(
  got: readonly Endpoint[],
  wanted: readonly Endpoint[],
  supports: Capabilities,
): string | undefined {
  const have = new Set(got.map((endpoint) => essence(endpoint, supports)));
  const want = new Set(wanted.map((endpoint) => essence(endpoint, supports)));
  const missing = [...want].filter((line) => !have.has(line));
  const extra = [...have].filter((line) => !want.has(line));
  if (missing.length === 0 && extra.length === 0) {
    return got.length === wanted.length ? undefined : `${got.length} entries instead of ${wanted.length}`;
  }
  return [
    `${got.length} of ${wanted.length} instances`,
    ...(missing.length > 0 ? [`missing ${some(missing)}`] : []),
    ...(extra.length > 0 ? [`not put there ${some(extra)}`] : []),
  ].join(', ');
}

function some(lines: readonly string[]): string {
  const shown = lines.slice(0, 3).map((line) => `[${line}]`);
  return lines.length > 3 ? `${shown.join(', ')} and ${lines.length - 3} more` : shown.join(', ');
}

/** The whole of an endpoint as text, whatever the order of its keys. */
export function fingerprint(value: unknown): string {
  return JSON.stringify(value, (_key, entry: unknown) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );
}

/** A copy in another order: Fisher and Yates, by Durstenfeld. */
export function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other] as T, copy[last] as T];
  }
  return copy;
}
