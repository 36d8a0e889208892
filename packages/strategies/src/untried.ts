import type { Call, Member } from '@crowfly/core';

/**
 * The member at `index`, or the next one, cyclically, that the call has not been to. A call has been to at most
 * `attempt` members, so `attempt + 1` looks are enough; the one at `index` when every one was tried.
 */
export function untriedFrom(eligible: readonly Member[], index: number, call: Call): Member | undefined {
  const first = eligible[index];
  if (call.attempt === 0) return first;
  for (let step = 0; step <= call.attempt && step < eligible.length; step++) {
    const member = eligible[(index + step) % eligible.length];
    if (member !== undefined && !call.tried(member)) return member;
  }
  return first;
}
