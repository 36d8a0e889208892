import type { CrowflyError } from '@crowfly/core';
import type { ApiClient } from '../api/client.js';
import { Forbidden } from '../api/status.js';
import type { ServiceName } from '../names.js';
import type { ServicePorts } from './ports.js';

/** What the Service object says, as far as instances are concerned. */
export type ServiceFacts =
  | { readonly kind: 'there'; readonly ports: ServicePorts }
  | { readonly kind: 'external'; readonly name: string; readonly ports: ServicePorts }
  | { readonly kind: 'none'; readonly reason: string }
  /** The account may not read services. `reason`: who may not, and what would grant it. */
  | { readonly kind: 'forbidden'; readonly reason: string; readonly error: CrowflyError };

/**
 * Asks for the Service object, which tells what slices cannot: its ports' numbers, an external name, that it does not
 * exist.
 *
 * @throws what the request throws, but a lack of rights
 */
export async function lookUpService(
  client: ApiClient,
  { namespace, name }: ServiceName,
  signal: AbortSignal,
): Promise<ServiceFacts> {
  let found: unknown;
  try {
    found = await client.get('services', namespace, name, signal);
  } catch (error) {
    // Only that: credentials that are not accepted any more say nothing about the service.
    if (error instanceof Forbidden) return { kind: 'forbidden', reason: error.message, error };
    throw error;
  }
  if (found !== undefined) return readService(found);
  const missing = `there is no Service '${name}' in namespace '${namespace}'${client.note(namespace)}`;
  return { kind: 'none', reason: `${missing}${await namespaceHint(client, namespace, signal)}` };
}

/** Pure: an object of v1 Service, read with suspicion. */
function readService(raw: unknown): ServiceFacts {
  const { spec } = (raw ?? {}) as { spec?: { type?: unknown; externalName?: unknown; ports?: unknown } };
  const listed = Array.isArray(spec?.ports) ? (spec.ports as readonly unknown[]) : [];
  const ports = listed.flatMap((entry) => {
    const { name, port, protocol } = (entry ?? {}) as { name?: unknown; port?: unknown; protocol?: unknown };
    if (typeof port !== 'number' || (protocol !== undefined && protocol !== 'TCP')) return [];
    return [{ name: typeof name === 'string' ? name : '', port }];
  });
  const { type, externalName } = spec ?? {};
  return type === 'ExternalName' && typeof externalName === 'string' && externalName !== ''
    ? { kind: 'external', name: externalName, ports }
    : { kind: 'there', ports };
}

/** Says so when the namespace is what does not exist; few accounts may ask. */
async function namespaceHint(client: ApiClient, namespace: string, signal: AbortSignal): Promise<string> {
  try {
    const found = await client.get('namespaces', namespace, namespace, signal);
    return found === undefined ? `: there is no namespace '${namespace}'` : '';
  } catch (error) {
    if (signal.aborted) throw error;
    return ', or no such namespace';
  }
}
