import type { Collection } from '../api/client.js';

/** So many services are named in the selector; beyond, the whole namespace is watched. */
const MAX_NAMED = 100;

/** Endpoints carry the name of their service and not its label; a field selector can name one only. */
export function selectorOf(resource: Collection['resource'], services: ReadonlySet<string>): string {
  const names = [...services].sort();
  if (resource === 'endpoints') {
    const [only] = names;
    return names.length === 1 && only !== undefined
      ? `fieldSelector=${encodeURIComponent(`metadata.name=${only}`)}`
      : '';
  }
  const selector =
    names.length > MAX_NAMED
      ? 'kubernetes.io/service-name'
      : `kubernetes.io/service-name in (${names.join(',')})`;
  return `labelSelector=${encodeURIComponent(selector)}`;
}
