import { CrowflyError } from '@crowfly/core';
import type { ConnectionOptions } from '@crowfly/http';
import { basicAuth, credentialsOf } from './credentials.js';
import { readCertificates, readText } from './files.js';
import {
  type AgentAddress,
  CONSUL_DEFAULTS,
  type ConsulOptions,
  isLoopback,
  readAddress,
} from './options.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** How Consul is reached, and as whom. What may rotate is asked for anew each time. */
export interface Access {
  readonly agents: readonly AgentAddress[];
  /** What kind of credentials are sent, for messages: `the token in CONSUL_HTTP_TOKEN`; `undefined`: none. */
  readonly credentials: string | undefined;
  readonly datacenter: string | undefined;
  readonly namespace: string | undefined;
  readonly partition: string | undefined;
  /** Free of secrets, the same in each process. */
  readonly id: string;
  connection(agent: AgentAddress): Promise<ConnectionOptions>;
  headers(): Promise<Record<string, string>>;
}

/**
 * What options and environment say together; an option goes first.
 *
 * @throws CrowflyError `bad-option` naming the option or variable
 */
export function accessOf(options: ConsulOptions, env: Environment = process.env): Access {
  const get = (name: string): string | undefined => env[name] || undefined;
  const secure = isTrue(env.CONSUL_HTTP_SSL, 'CONSUL_HTTP_SSL');
  const agents = agentsOf(options, get('CONSUL_HTTP_ADDR'), secure);
  if (isFalse(env.CONSUL_HTTP_SSL_VERIFY))
    throw bad(
      'CONSUL_HTTP_SSL_VERIFY',
      'is off, and certificates are always verified here: unset it, and name the authority in CONSUL_CACERT or caFile',
    );
  const caFile = options.caFile ?? get('CONSUL_CACERT');
  const caPath = get('CONSUL_CAPATH');
  const authority = async (): Promise<ConnectionOptions['ca']> => {
    if (caFile !== undefined)
      return readText(caFile, options.caFile === undefined ? 'CONSUL_CACERT' : 'consul.caFile');
    return caPath === undefined ? undefined : readCertificates(caPath, 'CONSUL_CAPATH');
  };
  const certFile = options.certFile ?? get('CONSUL_CLIENT_CERT');
  const keyFile = options.keyFile ?? get('CONSUL_CLIENT_KEY');
  if ((certFile === undefined) !== (keyFile === undefined))
    throw bad('CONSUL_CLIENT_CERT', 'goes with CONSUL_CLIENT_KEY: a client certificate has both');
  const servername = options.tlsServerName ?? get('CONSUL_TLS_SERVER_NAME');
  const credentials = credentialsOf(options, get);
  const open = agents.find((agent) => agent.origin.startsWith('http:') && !isLoopback(agent));
  if (open !== undefined && basicAuth(get) !== undefined)
    throw bad(
      'CONSUL_HTTP_AUTH',
      `would be sent to ${open.origin} over plain http, for everyone to read: use https`,
    );
  const datacenter = options.datacenter;
  const namespace = options.namespace ?? get('CONSUL_NAMESPACE');
  const partition = options.partition ?? get('CONSUL_PARTITION');
  return {
    agents,
    credentials: credentials.from,
    datacenter,
    namespace,
    partition,
    id: idOf(agents, [datacenter, namespace, partition], options),
    async connection({ socketPath }) {
      const [ca, cert, key] = await Promise.all([
        authority(),
        certFile === undefined ? undefined : readText(certFile, 'consul.certFile'),
        keyFile === undefined ? undefined : readText(keyFile, 'consul.keyFile'),
      ]);
      return { ca, cert, key, servername, socketPath };
    },
    headers: async () => ({ ...(await credentials.headers()), ...basicAuth(get) }),
  };
}

/** All that decides what a set holds: what is kept of one must never be taken for that of another. */
function idOf(
  agents: readonly AgentAddress[],
  parts: readonly (string | undefined)[],
  { tags = [], filter, taggedAddress, warnings }: ConsulOptions,
): string {
  const where = agents.map(({ origin, basePath, socketPath }) => socketPath ?? `${origin}${basePath}`);
  const path = parts.map((part) => `/${part ?? ''}`).join('');
  const selection = [
    ...tags.map((tag) => `tag=${encodeURIComponent(tag.toLowerCase())}`).sort(),
    filter === undefined ? '' : `filter=${encodeURIComponent(filter)}`,
    taggedAddress === undefined ? '' : `address=${taggedAddress}`,
    warnings === true ? 'warnings' : '',
  ].filter((one) => one !== '');
  const query = selection.length === 0 ? '' : `?${selection.join('&')}`;
  return `consul:${where.join(',')}${path.replace(/\/+$/, '')}${query}`;
}

function agentsOf(
  { address, caFile, certFile }: ConsulOptions,
  inEnvironment: string | undefined,
  secure: boolean,
): readonly AgentAddress[] {
  const given = address ?? inEnvironment ?? CONSUL_DEFAULTS.address;
  const list = typeof given === 'string' ? given.split(',').map((one) => one.trim()) : given;
  const read = list.map((one) => {
    // TLS that the environment asks for is not given up for an address in the environment.
    const text = secure && address === undefined ? one.replace(/^http:/i, 'https:') : one;
    const agent = readAddress(text, secure);
    if (agent !== undefined) return agent;
    throw bad(
      'CONSUL_HTTP_ADDR',
      "expected an agent's address, such as '127.0.0.1:8500' or 'unix:///run/consul.sock'",
    );
  });
  const plain = read.find(({ origin }) => origin.startsWith('http:'));
  if (plain !== undefined && plain.socketPath === undefined && (caFile ?? certFile) !== undefined)
    throw new CrowflyError(
      'bad-option',
      `consul.${caFile === undefined ? 'certFile' : 'caFile'}: goes with https, and ${plain.origin} is http: write https:// in front of the address`,
      { path: `consul.${caFile === undefined ? 'certFile' : 'caFile'}` },
    );
  return read;
}

/** As Go reads a boolean. */
function isTrue(value: string | undefined, name: string): boolean {
  if (value === undefined || value === '' || isFalse(value)) return false;
  if (/^(?:1|t|true)$/i.test(value)) return true;
  throw bad(name, 'expected true or false');
}

const isFalse = (value: string | undefined): boolean => /^(?:0|f|false)$/i.test(value ?? '');

function bad(variable: string, text: string): CrowflyError {
  return new CrowflyError(
    'bad-option',
    `${variable} ${text.startsWith('is') || text.startsWith('goes') || text.startsWith('would') ? text : `in the environment: ${text}`}`,
    { path: variable },
  );
}
