import type { EventHub, Logger } from '../events.js';
import { printable } from '../text.js';
import { instanceName } from './member.js';
import { sayCause } from './trouble.js';

/** Kinds of problems that are remembered as said. */
const MAX_SEEN = 1_000;

/** How a problem is mended stands at the end of what is said of it. */
const MAX_DETAIL = 500;

/** Says what an operator should know, once per change of state. */
export function logEvents(events: EventHub, logger: Logger): void {
  const seen = new Set<string>();
  events.on('stale', (e) =>
    logger.warn(`${e.service}: ${e.registry} fails (${sayCause(e.cause)}); the last good set stays in use`),
  );
  events.on('failed', (e) =>
    logger.warn(`${e.service}: ${e.registry} fails (${sayCause(e.cause)}); there is no set yet`),
  );
  events.on('recovered', (e) =>
    logger.info(`${e.service}: ${e.registry} delivers again after ${(e.outageMs / 1000).toFixed(1)} s`),
  );
  events.on('guard', (e) =>
    logger.warn(
      `${e.service}: ${e.held} of ${e.of} instances vanished from ${e.registry} at once; they stay in use for up to ${e.holdMs / 1000} s while they can be connected to`,
    ),
  );
  events.on('ejected', (e) =>
    logger.warn(`${e.service}: no new calls to ${printable(instanceName(e.endpoint))}: ${e.reason}`),
  );
  events.on('restored', (e) =>
    logger.info(
      `${e.service}: ${printable(instanceName(e.endpoint))} is back after ${(e.ejectedMs / 1000).toFixed(1)} s`,
    ),
  );
  events.on('problem', (e) => {
    // A set may have thousands of bad entries, and is delivered again and again: the first one of a kind is said.
    const key = `${e.service} ${e.code}`;
    if (seen.has(key) || seen.size > MAX_SEEN) return;
    seen.add(key);
    logger.warn(
      `${e.service}: ${e.registry}: ${printable(e.detail, MAX_DETAIL)} (more problems of the kind '${printable(e.code)}' are events only)`,
    );
  });
  events.on('registering', (e) => {
    const at = `${e.instance.host}:${e.instance.port}`;
    const line = `${e.service}: registering as ${printable(e.instance.id)} at ${at} (${e.foundBy})`;
    if (e.doubt === undefined) logger.info(line);
    else logger.warn(`${line}; ${e.doubt}`);
  });
  events.on('registration-failed', (e) =>
    logger.warn(
      `${e.service}: ${printable(e.instance.id)} cannot be kept in ${e.registry} (${sayCause(e.cause)}); it is tried on`,
    ),
  );
  events.on('registration-recovered', (e) =>
    logger.info(
      `${e.service}: ${printable(e.instance.id)} stands in ${e.registry} again after ${(e.outageMs / 1000).toFixed(1)} s`,
    ),
  );
  events.on('deregistered', (e) => {
    if (e.cause === undefined) return;
    logger.warn(
      `${e.service}: ${printable(e.instance.id)} could not be deregistered from ${e.registry} (${sayCause(e.cause)}): it is dropped there ${e.instance.deregisterAfterMs / 1000} s after it is taken for dead`,
    );
  });
  events.on('mispick', (e) => {
    if (seen.has(e.service)) return;
    seen.add(e.service);
    logger.warn(`${e.service}: its strategy ${e.reason}; an instance was chosen without it`);
  });
}

/** Warnings on the console, marked as ours. */
export const consoleLogger: Logger = {
  info: (message) => console.info(`crowfly: ${message}`),
  warn: (message) => console.warn(`crowfly: ${message}`),
};
