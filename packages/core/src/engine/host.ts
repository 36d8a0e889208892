import { isIPv6 } from 'node:net';
import { isAddress } from '../names.js';

const DOT = 46;
const ZERO = 48;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;

/**
 * What nearly every instance has: an IPv4 address in its normal form that is neither unspecified, link-local, multicast
 * nor reserved. One regex instead of the checks below, which a process that has just started runs ten times slower.
 */
const ORDINARY =
  /^(?!169\.254\.)(?:22[0-3]|2[01]\d|1\d\d|[1-9]\d?)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/** Whether a host is in its normal form, and none that is denied. `false`: that remains to be seen. */
export function isOrdinaryHost(host: string): boolean {
  return ORDINARY.test(host) && !CLOUD_METADATA.has(host);
}

/** The one spelling of a host; `undefined` when it is none. */
export function normalHost(host: string): string | undefined {
  if (dottedQuad(host) !== undefined) return host;
  if (host.includes(':')) return normalIPv6(host);
  if (isAddress(host)) return normalIPv4(host);
  return HOST_NAME.test(host) ? host : undefined;
}

/** Brackets off, the shortest spelling, an IPv4-mapped address as IPv4; `undefined` when it is none. */
function normalIPv6(host: string): string | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (!isIPv6(bare) || bare.includes('%')) return undefined;
  const normal = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(normal);
  return mapped === null ? normal : embeddedIPv4(mapped);
}

/** `127.1` and `0x7f000001` are addresses too: written out, so that no check is fooled. */
function normalIPv4(host: string): string | undefined {
  try {
    const { hostname } = new URL(`http://${host}`);
    return dottedQuad(hostname) === undefined ? undefined : hostname;
  } catch {
    return undefined;
  }
}

function embeddedIPv4([, high = '', low = '']: RegExpExecArray): string {
  const [h, l] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${h >> 8}.${h & 255}.${l >> 8}.${l & 255}`;
}

/** The first two numbers of an address such as `10.0.0.1`, as one; `undefined` when it is none. A regex costs ten times as much. */
function dottedQuad(host: string): number | undefined {
  let [high, part, digits, parts] = [0, 0, 0, 0];
  for (let index = 0; index <= host.length; index++) {
    const code = index === host.length ? DOT : host.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0 || part > 255 || ++parts > 4) return undefined;
      if (parts <= 2) high = high * 256 + part;
      part = digits = 0;
      continue;
    }
    // A leading zero means octal to URL parsers.
    if (code < ZERO || code > ZERO + 9 || (digits > 0 && part === 0) || ++digits > 3) return undefined;
    part = part * 10 + code - ZERO;
  }
  return parts === 4 ? high : undefined;
}

/** Where clouds serve credentials and settings to whoever asks from the machine; most of them are link-local. */
const CLOUD_METADATA: ReadonlySet<string> = new Set([
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd00:ec2::254',
  'fd20:ce::254',
  'metadata.google.internal',
]);

/** Hosts that lead back to the caller's own machine or cloud account instead of to an instance (SSRF). Loopback is allowed. */
export function deniedHost(host: string): string | undefined {
  if (CLOUD_METADATA.has(host)) return 'a cloud metadata address';
  const high = dottedQuad(host);
  if (high !== undefined) {
    if (high < 0x0100) return 'unspecified';
    if (high === 0xa9fe) return 'link-local (where cloud metadata lives)';
    return high >= 0xe000 ? 'multicast or reserved' : undefined;
  }
  if (!host.includes(':')) return undefined;
  if (host === '::') return 'unspecified';
  if (/^fe[89ab]/.test(host)) return 'link-local';
  if (host.startsWith('ff')) return 'multicast';
  // What translators (NAT64, SIIT) and old stacks turn into an IPv4 address.
  const translated = /^(?:64:ff9b::|::(?:ffff:0:)?)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  return translated === null ? undefined : deniedHost(embeddedIPv4(translated));
}
