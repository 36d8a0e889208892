import { isIPv4, isIPv6 } from 'node:net';
import { isAddress, type Protocol, printable } from '@crowfly/core';
import { Flaw } from './flaw.js';

const DEFAULT_PORTS: Readonly<Record<Protocol, number>> = { http: 80, https: 443, h2c: 80 };
const ADDRESS = /^(?:(https?|h2c):\/\/)?(\[[^\]]*\]|[^:/[\]@\s]+)(?::([0-9]{1,8}))?(\/?)$/;
const DNS_NAME = /^[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/;

export interface Address {
  readonly host: string;
  readonly port?: number;
  readonly protocol?: Protocol;
}

/** `10.0.0.1:8080`, `[::1]:8080`, `orders-1.internal:8080`, `https://10.0.0.1`: the last has its scheme's port. */
export function readAddress(text: string): Address | Flaw {
  if (text.length > 300)
    return new Flaw('bad-host', `an address of ${text.length} characters; at most 300 are allowed`);
  if (text.includes('@'))
    return new Flaw('bad-host', 'user info is not allowed in an address: write host and port alone');
  if (text.indexOf(':') !== text.lastIndexOf(':') && isIPv6(text))
    return new Flaw('bad-host', `an IPv6 address needs brackets and a port: '[${text}]:8080'`);
  const match = ADDRESS.exec(text);
  if (match === null || (match[1] === undefined && match[4] === '/')) {
    return new Flaw(
      'bad-host',
      `expected '10.0.0.1:8080' or 'http://10.0.0.1:8080', got '${printable(text)}'`,
    );
  }
  const [, scheme, rawHost = '', rawPort] = match;
  const protocol = scheme as Protocol | undefined;
  const host = readHost(rawHost);
  if (host instanceof Flaw) return host;
  const port = rawPort === undefined ? protocol && DEFAULT_PORTS[protocol] : readPort(rawPort);
  if (port instanceof Flaw) return port;
  return { host, ...(port === undefined ? {} : { port }), ...(protocol === undefined ? {} : { protocol }) };
}

/** An IP address without brackets, or a DNS name in lower case. Short forms (`127.1`, `0x7f000001`) are refused. */
export function readHost(value: unknown): string | Flaw {
  if (typeof value !== 'string' || value === '')
    return new Flaw('bad-host', 'expected an IP address or a DNS name');
  if (value.length > 253) return new Flaw('bad-host', `${value.length} characters; at most 253 are allowed`);
  const host = value.toLowerCase();
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (isIPv4(host) || (bare.includes(':') && isIPv6(bare) && !bare.includes('%'))) return bare;
  if (isAddress(host)) return new Flaw('bad-host', `'${printable(host)}' is no full IP address`);
  if (DNS_NAME.test(host)) return host;
  return new Flaw('bad-host', `'${printable(host)}' is neither an IP address nor a DNS name`);
}

/** A number, or its digits as text. */
export function readPort(value: unknown): number | Flaw {
  const port = typeof value === 'string' && /^[0-9]{1,8}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  const got = typeof port === 'number' ? `, got ${port}` : '';
  return new Flaw('bad-port', `expected a whole number from 1 to 65535${got}`);
}

/** `10.0.0.1:8080`, `[::1]:8080`. */
export function showAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
