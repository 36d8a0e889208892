import { isIP } from 'node:net';
import { CrowflyError, check, checkOptions, hasControl } from '@crowfly/core';
import { isServiceName, isTag } from './names.js';

/** Options of {@link consul}; all have a default. What an option says goes before what a `CONSUL_` variable says. */
export interface ConsulOptions {
  /**
   * The agent: `127.0.0.1:8500`, `https://consul.example:8501`, `unix:///run/consul.sock`; or several, the preferred one
   * first. Default: `CONSUL_HTTP_ADDR`, or `127.0.0.1:8500`.
   */
  readonly address?: string | readonly string[];
  /** The ACL token's SecretID. Default: `CONSUL_HTTP_TOKEN`. */
  readonly token?: string;
  /** A file that holds the token, read again for each request. Default: `CONSUL_HTTP_TOKEN_FILE`. */
  readonly tokenFile?: string;
  /** PEM file of the authority that signed the agent's certificate, read again at each connect. Default: `CONSUL_CACERT`. */
  readonly caFile?: string;
  /** PEM files of a client certificate and its key, read again at each connect. Default: `CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY`. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that the agent's certificate has to prove. Default: `CONSUL_TLS_SERVER_NAME`, or the address's host. */
  readonly tlsServerName?: string;
  /** Of services whose name says none. Default: the agent's own. */
  readonly datacenter?: string;
  /** Consul Enterprise. Default: `CONSUL_NAMESPACE`, `CONSUL_PARTITION`. */
  readonly namespace?: string;
  readonly partition?: string;
  /** The domain of Consul's DNS, for URLs such as `http://orders.service.consul/`. Default `consul`. */
  readonly domain?: string;
  /** Whether instances with a warning, and none critical, are used too. Default `false`: all checks have to pass. */
  readonly warnings?: boolean;
  /** Only instances that have all of these tags; without regard to upper and lower case, as in Consul's DNS. */
  readonly tags?: readonly string[];
  /** A filter expression that Consul applies, such as `Service.Meta.version == "2"`. */
  readonly filter?: string;
  /**
   * How current answers are: `stale` lets any server answer, `consistent` asks the leader to make sure that it is one;
   * `cached` lets queries that wait be answered from the agent's cache, while the others ask the leader, since a cache does
   * not say what rights hide. Default `default`: the leader.
   */
  readonly consistency?: 'default' | 'stale' | 'cached' | 'consistent';
  /** A node to sort by, by the time a packet takes, `_agent` for the agent's: the set comes in this order. Default: none. */
  readonly near?: string;
  /** Which tagged address is called where an instance or its node has it: `wan`, `lan_ipv6`. Default: none of them. */
  readonly taggedAddress?: string;
  /** The key in an instance's or a node's metadata that holds its zone. Default `zone`. */
  readonly zoneKey?: string;
  /** How long a query waits for a change, 1,000 to 600,000. Default 20,000. */
  readonly waitMs?: number;
}

/** Every default of `consul` that is no environment variable. */
export const CONSUL_DEFAULTS = {
  address: '127.0.0.1:8500',
  domain: 'consul',
  warnings: false,
  consistency: 'default',
  zoneKey: 'zone',
  waitMs: 20_000,
} as const;

/** @throws CrowflyError `bad-option` with the path of what is wrong */
export function checkConsulOptions(options: ConsulOptions): void {
  if (typeof options === 'object' && options !== null && 'clock' in options && 'random' in options)
    throw new CrowflyError(
      'bad-option',
      'registry: consul makes a registry and is none: write registry: consul(), with parentheses',
      { path: 'registry' },
    );
  checkOptions('consul', options, {
    address: check.either(
      "an address such as '127.0.0.1:8500', or a list of them",
      address,
      check.list(address, "a list of addresses, as in ['10.0.0.1:8500']"),
    ),
    token: secret,
    tokenFile: check.string,
    caFile: check.string,
    certFile: check.string,
    keyFile: check.string,
    tlsServerName: check.string,
    datacenter: word,
    namespace: word,
    partition: word,
    domain,
    warnings: check.oneOf(true, false),
    tags: check.list(tag, "a list of tags, as in ['v2']"),
    filter: printableText,
    consistency: check.oneOf('default', 'stale', 'cached', 'consistent'),
    near: word,
    taggedAddress: word,
    zoneKey: check.string,
    waitMs: waitMs,
  });
  if (Array.isArray(options.address) && options.address.length === 0)
    throw bad('address', 'the list is empty: name an agent, or leave it out');
  if (options.token !== undefined && options.tokenFile !== undefined)
    throw bad('tokenFile', "contradicts 'token': keep one of them");
  if ((options.certFile === undefined) !== (options.keyFile === undefined))
    throw bad('certFile', "goes with 'keyFile': a client certificate has both");
}

/** An agent's address, as `CONSUL_HTTP_ADDR` has it too. */
export interface AgentAddress {
  /** `http://10.0.0.1:8500`; of a socket what stands in the Host header. */
  readonly origin: string;
  /** What stands before `/v1`, behind a gateway; '' for most. */
  readonly basePath: string;
  readonly socketPath: string | undefined;
}

/**
 * @param secure whether an address without a scheme is https
 * @returns `undefined` for what is no address
 */
export function readAddress(text: string, secure: boolean): AgentAddress | undefined {
  if (text.startsWith('unix://')) {
    const socketPath = text.slice('unix://'.length);
    return socketPath.startsWith('/') ? { origin: 'http://localhost', basePath: '', socketPath } : undefined;
  }
  const full = /^[a-z]+:\/\//i.test(text) ? text : `${secure ? 'https' : 'http'}://${text}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const good =
    url !== undefined &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.hostname !== '' &&
    url.port !== '0' &&
    url.username + url.password + url.search + url.hash === '' &&
    // 'http:/x' and the like: what URL mends, nobody meant.
    /^[a-z]+:\/\/[^/]/i.test(full);
  if (!good) return undefined;
  // As Consul's own tools take it: without a port it is 8500 where no scheme is given.
  const port = url.port === '' && !/^[a-z]+:\/\//i.test(text) ? ':8500' : '';
  return {
    origin: `${url.origin}${port}`,
    basePath: url.pathname.replace(/\/+$/, ''),
    socketPath: undefined,
  };
}

/** Whether a token would be sent for everyone to read. */
export function isLoopback({ origin, socketPath }: AgentAddress): boolean {
  const { hostname } = new URL(origin);
  return (
    socketPath !== undefined || hostname === 'localhost' || hostname === '[::1]' || isLoopback4(hostname)
  );
}

const isLoopback4 = (host: string): boolean => isIP(host) === 4 && host.startsWith('127.');

function address(value: unknown, path: string): void {
  check.string(value, path);
  if (readAddress(value as string, false) !== undefined) return;
  throw fault(
    path,
    "expected an agent's address, such as '127.0.0.1:8500', 'https://consul.example:8501' or 'unix:///run/consul.sock', without user info or query",
  );
}

function secret(value: unknown, path: string): void {
  check.string(value, path);
  // Never shown.
  if (!/^[\x21-\x7e]+$/.test(value as string))
    throw fault(
      path,
      'a token has no spaces and no line breaks: is there one at the end of what it was read from?',
    );
}

function word(value: unknown, path: string): void {
  check.string(value, path);
  if (/^[A-Za-z0-9_.-]{1,128}$/.test(value as string)) return;
  throw fault(path, "expected a name of letters, digits, '_', '-' and '.', at most 128 of them");
}

function tag(value: unknown, path: string): void {
  check.string(value, path);
  if (!isTag(value as string)) throw fault(path, 'expected a tag without spaces and control characters');
}

function domain(value: unknown, path: string): void {
  check.string(value, path);
  const labels = (value as string).split('.');
  if (labels.every((label) => isServiceName(label) && label === label.toLowerCase())) return;
  throw fault(path, "expected a domain in lower case without dots at its ends, such as 'consul'");
}

function waitMs(value: unknown, path: string): void {
  check.ms(1_000)(value, path);
  if ((value as number) > 600_000) throw fault(path, 'is more than the 600,000 ms that Consul waits at most');
}

function printableText(value: unknown, path: string): void {
  check.string(value, path);
  if (hasControl(value as string)) throw fault(path, 'has a control character');
}

const fault = (path: string, text: string): CrowflyError =>
  new CrowflyError('bad-option', `${path}: ${text}`, { path });

const bad = (key: keyof ConsulOptions, text: string): CrowflyError => fault(`consul.${key}`, text);
