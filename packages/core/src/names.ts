import { isIP } from 'node:net';
import { CrowflyError, type ErrorCode } from './errors.js';
import { hasControl, printable } from './text.js';

const LABEL = /^[a-z0-9_-]{1,63}$/;
const MAX_NAME = 253;
/** What could turn a name into another URL than the one that is meant. */
const DANGEROUS = /[\s/?#\\%]|\.\.|^\.$/;

/**
 * Why `name` cannot be a service name that a URL reaches, or `undefined` when it can: labels of `a-z 0-9 _ -`, up to 63
 * characters each, joined by dots, 253 in all; no IP address and nothing that URL parsers turn into one (`2024`, `0x7f.1`).
 */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > MAX_NAME) return `it has ${name.length} characters; ${MAX_NAME} are possible`;
  if (name !== name.toLowerCase()) return `URL hosts are lower-cased: write '${name.toLowerCase()}'`;
  const bad = name.split('.').find((label) => !LABEL.test(label));
  if (bad !== undefined) {
    return bad === ''
      ? 'it has an empty label'
      : `'${printable(bad)}' may only have a-z, 0-9, '-' and '_', at most 63 of them`;
  }
  if (isAddress(name)) return 'a URL with this host means an IP address';
  return undefined;
}

/**
 * @param path what to call it in the message: `services.orders`, `instances('../x')`
 * @throws CrowflyError `bad-name`, or the given code
 */
export function checkServiceName(
  name: string,
  path = `service name '${printable(String(name))}'`,
  code: ErrorCode = 'bad-name',
): void {
  const fault = typeof name === 'string' ? nameFault(name) : 'a service name is a string';
  if (fault !== undefined) throw new CrowflyError(code, `${path}: ${fault}`, { path });
}

/** Whether a name that a registry has its own grammar for (`orders.shop:http`, `orders@dc2`) could leave the host part of a URL. */
export function isDangerous(name: string): boolean {
  return DANGEROUS.test(name) || hasControl(name);
}

/** Whether a URL parser reads `host` as an IP address; `127.1` and `0x7f000001` are. Brackets around IPv6 are allowed. */
export function isAddress(host: string): boolean {
  // Without a colon the last label tells: the expressions behind isIP take milliseconds when they are first used.
  if (host.startsWith('[') || (host.includes(':') && isIP(host) !== 0)) return true;
  // A host whose last label is a number is an IPv4 address to URL parsers (or an error).
  const labels = host.endsWith('.') ? host.slice(0, -1) : host;
  const last = labels.slice(labels.lastIndexOf('.') + 1);
  return /^(?:0x[0-9a-f]*|[0-9]+)$/i.test(last);
}

/** The variable that overrides a service: `orders-v2.shop` is `CROWFLY_ORDERS_V2_SHOP`. */
export function overrideVariable(service: string): string {
  return `CROWFLY_${service.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;
}
