import { kindOf, nameFault } from '@crowfly/core';
import { isRecord, readMetadata } from '../fields.js';
import { type EntryFlaw, Flaw, Malformed } from '../flaw.js';
import { MAX_ENTRIES, type RawEntry, toEntries } from '../service.js';

/** `__name__` labels are Prometheus' own; these two mean something here. */
const SCHEME_LABEL = '__scheme__';
const ZONE_LABEL = 'zone';

/**
 * Target groups as Prometheus' file_sd has them: `[{ targets: ['10.0.0.1:8080'], labels: { service: 'orders' } }]`.
 * `zone` becomes the endpoints' zone, `__scheme__` their protocol, other labels their metadata.
 *
 * @param tell hears of groups without a usable service name: each is skipped
 * @throws Malformed when a group has another shape
 */
export function listTargetGroups(
  groups: readonly unknown[],
  serviceLabels: readonly string[],
  tell: (flaw: EntryFlaw) => void,
): Map<string, RawEntry[]> {
  const services = new Map<string, RawEntry[]>();
  let count = 0;
  groups.forEach((group, index) => {
    const at = [index];
    if (!isRecord(group)) throw new Malformed(at, `expected { targets, labels }, got ${kindOf(group)}`);
    const { targets, labels = {}, ...others } = group;
    if (!Array.isArray(targets))
      throw new Malformed([...at, 'targets'], `expected a list, got ${kindOf(targets)}`);
    const other = Object.keys(others)[0];
    if (other !== undefined)
      throw new Malformed([...at, other], 'a target group has targets and labels only');
    const read = readMetadata(labels);
    if (read instanceof Flaw) throw new Malformed([...at, 'labels'], read.text);
    const label = serviceLabels.find((candidate) => Object.hasOwn(read, candidate));
    const name = label === undefined ? undefined : read[label];
    if (label === undefined || name === undefined) {
      const text = `no label ${serviceLabels.map((l) => `'${l}'`).join(' or ')} names the service of this group`;
      tell({ code: 'no-service', text, at, skipped: true });
      return;
    }
    const fault = nameFault(name);
    if (fault !== undefined) {
      tell({
        code: 'bad-name',
        text: `no URL can reach a service of this name: ${fault}`,
        at: [...at, 'labels', label],
        skipped: true,
      });
      return;
    }
    const defaults = defaultsOf(read, label, at);
    const entries = toEntries(targets, [...at, 'targets'], defaults);
    count += entries.length;
    if (count > MAX_ENTRIES) throw new Malformed(at, `more than ${MAX_ENTRIES} targets in all`);
    services.set(name, [...(services.get(name) ?? []), ...entries]);
  });
  return services;
}

function defaultsOf(
  labels: Readonly<Record<string, string>>,
  serviceLabel: string,
  at: readonly number[],
): RawEntry['defaults'] {
  const scheme = labels[SCHEME_LABEL];
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw new Malformed([...at, 'labels', SCHEME_LABEL], "expected 'http' or 'https'");
  }
  const zone = labels[ZONE_LABEL];
  const metadata = Object.entries(labels).filter(
    ([label]) => !label.startsWith('__') && label !== serviceLabel && label !== ZONE_LABEL,
  );
  return {
    // As Prometheus does: a target without a port has its scheme's.
    port: scheme === 'https' ? 443 : 80,
    ...(scheme === undefined ? {} : { protocol: scheme }),
    ...(zone ? { zone } : {}),
    ...(metadata.length === 0 ? {} : { metadata: Object.freeze(Object.fromEntries(metadata)) }),
  };
}
