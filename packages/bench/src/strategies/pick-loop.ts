// Imported once for each measurement, with a query of its own: so every loop is compiled for the one strategy that it
// runs, as in a process of a user.
import type { Balancer, Call, Member } from '@crowfly/core';

/** @returns nanoseconds a pick */
export function timePicks(balancer: Balancer, call: Call, picks: number): number {
  const began = process.hrtime.bigint();
  for (let i = 0; i < picks; i++) balancer.pick(call);
  return Number(process.hrtime.bigint() - began) / picks;
}

/** The least that any strategy could do: the next one of a plain array. @returns nanoseconds a pick */
export function timeArray(members: readonly Member[], picks: number): number {
  let at = 0;
  let seen = 0;
  const began = process.hrtime.bigint();
  for (let i = 0; i < picks; i++) {
    at = at + 1 < members.length ? at + 1 : 0;
    seen += (members[at] as Member).inFlight;
  }
  const took = Number(process.hrtime.bigint() - began) / picks;
  // Never true; keeps the loop from being optimised away.
  if (seen < 0) throw new Error('calls in flight cannot be negative');
  return took;
}
