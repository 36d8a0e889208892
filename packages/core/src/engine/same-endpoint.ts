import type { Endpoint } from '../contract/endpoint.js';

/** Whether two endpoints say the same. `a` passed the gate; what says the same would pass it too. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a === b || (a.weight === b.weight && a.priority === b.priority && a.state === b.state && sameFacts(a, b))
  );
}

/** As `sameEndpoint`, leaving aside what only says how much traffic the instance gets. */
export function sameFacts(a: Endpoint, b: Endpoint): boolean {
  return (
    a.id === b.id &&
    a.host === b.host &&
    a.port === b.port &&
    a.protocol === b.protocol &&
    a.name === b.name &&
    a.zone === b.zone &&
    a.node === b.node &&
    (a.hints === undefined) === (b.hints === undefined) &&
    sameList(a.hints?.zones, b.hints?.zones) &&
    sameList(a.hints?.nodes, b.hints?.nodes) &&
    sameRecord(a.metadata, b.metadata)
  );
}

function sameList(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === b) return true;
  return a?.length === b?.length && Array.isArray(b) && a?.every((name, index) => name === b[index]) === true;
}

/** `a` passed the gate. */
export function sameRecord(a: Endpoint['metadata'], b: Endpoint['metadata']): boolean {
  if (a === b) return true;
  if (a === undefined || typeof b !== 'object' || b === null) return false;
  let more = 0;
  for (const key in b) {
    if (!Object.hasOwn(b, key)) continue;
    if (a[key] !== b[key] || b[key] === undefined) return false;
    more++;
  }
  for (const key in a) if (Object.hasOwn(a, key)) more--;
  return more === 0;
}
