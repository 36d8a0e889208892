import type { Endpoint } from '../contract/endpoint.js';
import type { GuardOptions } from './api.js';
import type { MemberRecord } from './member.js';

/**
 * Which vanished members to keep for a while: a set that was healthy and loses too much at once is more likely a
 * registry's mistake than the end of a service (Eureka's self-preservation, from the client's side).
 *
 * A service that is suddenly said not to exist counts as one that lost everything: its instances are held as well, while
 * `instances()` says that it is unknown.
 *
 * Loss is by count, so that a set replaced by one of equal size is believed. What was draining, or cannot be connected
 * to anyway, is believed at once.
 *
 * @param stayed how many healthy members of the last set are in the next one, or were replaced in it
 * @param vanished those of the last set that the next one does not name
 */
export function toHold(
  stayed: number,
  vanished: readonly MemberRecord[],
  next: readonly Endpoint[],
  { maxLossShare }: GuardOptions,
): MemberRecord[] {
  if (maxLossShare >= 1 || vanished.length === 0) return [];
  const healthy = vanished.reduce((sum, member) => sum + (member.draining ? 0 : 1), stayed);
  const left = next.reduce((sum, endpoint) => sum + (endpoint.state === 'draining' ? 0 : 1), 0);
  const suspicious = left === 0 || healthy - left > healthy * maxLossShare;
  if (healthy === 0 || !suspicious) return [];
  return vanished.filter((member) => !member.draining && !member.ejection?.hard);
}
