import type { Problem } from '../contract/registry.js';
import type { Snapshot } from '../contract/snapshot.js';
import { CrowflyError, describeError, isCrowflyError } from '../errors.js';
import { printable } from '../text.js';

/** What is known of a service from which nothing can be picked. */
export interface Facts {
  /** Its name, as events and errors show it. */
  readonly service: string;
  readonly registry: string;
  readonly snapshot: Snapshot;
  /** What is wrong with the last set. */
  readonly problems: readonly Problem[];
}

/**
 * Why there is nothing to pick from, as the error to throw.
 *
 * @param tls whether the URL says https
 * @param waitedMs how long the first set was waited for
 */
export function trouble(
  { service, registry, snapshot, problems }: Facts,
  tls: boolean,
  waitedMs: number,
): CrowflyError {
  const about = { service, registry };
  switch (snapshot.status) {
    case 'unknown':
      return new CrowflyError(
        'unknown-service',
        `there is no service '${service}': ${snapshot.reason}`,
        about,
      );
    case 'pending': {
      const text = `${registry} has not said within ${waitedMs} ms which instances '${service}' has; it may be unreachable (limits.firstSetMs is how long to wait)`;
      return new CrowflyError('registry-timeout', text, about);
    }
    case 'failed': {
      const { cause } = snapshot;
      const text = `${registry} cannot say which instances '${service}' has: ${sayCause(cause)}`;
      const code = isCrowflyError(cause, 'denied') ? 'denied' : 'registry-failed';
      return new CrowflyError(code, text, { ...about, cause });
    }
    default:
      return new CrowflyError(
        'no-instances',
        noInstances(service, registry, snapshot.endpoints.length, problems, tls),
        about,
      );
  }
}

/** What someone wrote wrongly is said to a person, with the fix: an inner cause behind it only blurs that. */
export function sayCause(cause: unknown): string {
  const written = isCrowflyError(cause, 'bad-option') || isCrowflyError(cause, 'bad-name');
  return describeError(written ? cause.message : cause);
}

function noInstances(
  service: string,
  registry: string,
  listed: number,
  problems: readonly Problem[],
  tls: boolean,
): string {
  if (listed === 0) {
    const skips = problems.some(({ entry }) => entry !== undefined);
    const without = `lists none ${skips ? 'that can be used' : 'at the moment'}${sayProblems(problems, ': ')}`;
    return `'${service}' has no instances: ${registry} ${without}`;
  }
  const fix = tls
    ? 'speaks no https, and the URL says https: write http, or give the endpoints the protocol https'
    : 'speaks h2c, which no client does yet: let them speak http or https';
  return `every instance of '${service}' (${listed}) ${fix}`;
}

/** How many of the problems that concern a set as a whole are told. */
const MAX_WHOLE = 3;

/** `; 3 entries skipped, such as: <the first one's fault>; the list was cut at 1000`, or nothing. */
export function sayProblems(problems: readonly Problem[], lead = '; '): string {
  const entries = problems.filter(({ entry }) => entry !== undefined);
  const whole = problems
    .filter(({ entry }) => entry === undefined)
    .map(({ detail }) => printable(detail, 300));
  const [first] = entries;
  const parts = whole.slice(0, MAX_WHOLE);
  if (first !== undefined) {
    const count = entries.length === 1 ? '1 entry skipped' : `${entries.length} entries skipped, such as`;
    parts.unshift(`${count}: ${printable(first.detail, 300)}`);
  }
  if (whole.length > MAX_WHOLE) parts.push(`${whole.length - MAX_WHOLE} more problems`);
  return parts.length === 0 ? '' : lead + parts.join('; ');
}
