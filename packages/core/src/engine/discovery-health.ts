import type { Snapshot } from '../contract/snapshot.js';
import type { RegistrationState } from './registration/api.js';

/** One service that this process depends on. */
export interface ServiceHealth {
  readonly service: string;
  readonly registry: string;
  readonly status: Snapshot['status'];
  /** Instances that can be picked now. */
  readonly eligible: number;
}

export interface RegistrationHealth {
  readonly service: string;
  readonly registry: string;
  readonly id: string;
  readonly state: RegistrationState;
}

/**
 * How a discovery stands, for a health endpoint.
 *
 * - `up`: every service in the table (or watched, or waited for) has a set, every registration stands
 * - `degraded`: calls work, but a set is stale, or a registration is not where it should be: nothing that a restart mends
 * - `down`: a service was never found, or the discovery is closed: a reason not to be called yet, and never one to be
 *   restarted, as the registry may be what is missing
 */
export interface DiscoveryHealth {
  readonly status: 'up' | 'degraded' | 'down';
  readonly services: readonly ServiceHealth[];
  readonly registrations: readonly RegistrationHealth[];
}

export function healthOf(
  closed: boolean,
  services: readonly ServiceHealth[],
  registrations: readonly RegistrationHealth[],
): DiscoveryHealth {
  const missing = services.some(
    ({ status }) => status === 'pending' || status === 'failed' || status === 'unknown',
  );
  const worn =
    services.some(({ status }) => status === 'stale') ||
    registrations.some(({ state }) => state === 'registering' || state === 'failing');
  const status = closed || missing ? 'down' : worn ? 'degraded' : 'up';
  return Object.freeze({
    status,
    services: Object.freeze(services),
    registrations: Object.freeze(registrations),
  });
}
