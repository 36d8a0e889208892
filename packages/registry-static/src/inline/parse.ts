import { CrowflyError, kindOf, nameFault } from '@crowfly/core';
import { isRecord } from '../fields.js';
import { Malformed, showPath } from '../flaw.js';
import { listEntries, readEntries, type ServiceData } from '../service.js';

/**
 * The services of an inline list. It is code, so anything wrong in it is an error, not a report.
 *
 * @throws CrowflyError `bad-option` with the path: `inline.orders[1].port`
 */
export function parseInline(raw: unknown): ReadonlyMap<string, ServiceData> {
  const services = new Map<string, ServiceData>();
  try {
    if (!isRecord(raw)) throw new Malformed([], `expected services by name, got ${kindOf(raw)}`);
    for (const [name, list] of Object.entries(raw)) {
      const fault = nameFault(name);
      if (fault !== undefined)
        throw new Malformed([name], `no URL can reach a service of this name: ${fault}`);
      const data = readEntries(listEntries(list, [name]));
      const [flaw] = data.flaws;
      if (flaw !== undefined) throw new Malformed(flaw.at, flaw.text);
      services.set(name, data);
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    const path = showPath('inline', error.at);
    throw new CrowflyError('bad-option', `${path}: ${error.message}`, { path });
  }
  return services;
}
