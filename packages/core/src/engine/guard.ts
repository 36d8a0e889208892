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
 * @param healthy how many of the last set could take calls, as far as the next one knows
 * @param left how many of the next one can
 * @param vanished those of the last set that the next one does not name
 */
export function toHold(
  healthy: number,
  left: number,
  vanished: readonly MemberRecord[],
  { maxLossShare }: GuardOptions,
): MemberRecord[] {
  if (maxLossShare >= 1 || vanished.length === 0) return [];
  const suspicious = left === 0 || healthy - left > healthy * maxLossShare;
  if (healthy === 0 || !suspicious) return [];
  return vanished.filter((member) => !member.draining && !member.ejection?.hard);
}
