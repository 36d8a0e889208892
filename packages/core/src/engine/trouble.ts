import type { Problem } from '../contract/registry.js';
import type { Snapshot } from '../contract/snapshot.js';
import { CrowflyError, describeError, isCrowflyError } from '../errors.js';

/** What is known of a service from which nothing can be picked. */
export interface Facts {
  /** Its name, as events and errors show it. */
  readonly service: string;
  readonly registry: string;
  readonly snapshot: Snapshot;
  /** Entries that the last set had to do without. */
  readonly skipped: readonly Problem[];
}

/**
 * Why there is nothing to pick from, as the error to throw.
 *
 * @param tls whether the URL says https
 * @param waitedMs how long the first set was waited for
 */
export function trouble(
  { service, registry, snapshot, skipped }: Facts,
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
        noInstances(service, registry, snapshot.endpoints.length, skipped, tls),
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
  skipped: readonly Problem[],
  tls: boolean,
): string {
  if (listed === 0) {
    const without =
      skipped.length === 0
        ? 'lists none at the moment'
        : `lists none that can be used: ${saySkipped(skipped)}`;
    return `'${service}' has no instances: ${registry} ${without}`;
  }
  const fix = tls
    ? 'speaks no https, and the URL says https: write http, or give the endpoints the protocol https'
    : 'speaks h2c, which no client does yet: let them speak http or https';
  return `every instance of '${service}' (${listed}) ${fix}`;
}

/** `3 entries skipped, such as: <the first one's fault>`. */
export function saySkipped(skipped: readonly Problem[]): string {
  const [first] = skipped;
  if (first === undefined) return 'no entries skipped';
  return skipped.length === 1
    ? `1 entry skipped: ${first.detail}`
    : `${skipped.length} entries skipped, such as: ${first.detail}`;
}
