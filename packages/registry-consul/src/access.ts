import { readFile } from 'node:fs/promises';
import { CrowflyError } from '@crowfly/core';
import type { ConnectionOptions } from '@crowfly/http';
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

/** The largest token or certificate file that is read. */
const MAX_BYTES = 1024 * 1024;

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
  const caPath = options.caFile === undefined ? get('CONSUL_CAPATH') : undefined;
  const caFile = options.caFile ?? get('CONSUL_CACERT');
  if (caPath !== undefined && caFile === undefined)
    throw bad(
      'CONSUL_CAPATH',
      'is a folder, which is not read here: put the certificates into one file for CONSUL_CACERT',
    );
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
  const where = agents
    .map(({ origin, basePath, socketPath }) => socketPath ?? `${origin}${basePath}`)
    .join(',');
  const parts = [datacenter, partition, namespace].map((part) => (part === undefined ? '' : `/${part}`));
  return {
    agents,
    credentials: credentials.from,
    datacenter,
    namespace,
    partition,
    id: `consul:${where}${parts.join('')}`,
    async connection({ socketPath }) {
      const [ca, cert, key] = await Promise.all([
        caFile === undefined
          ? undefined
          : read(caFile, options.caFile === undefined ? 'CONSUL_CACERT' : 'consul.caFile'),
        certFile === undefined ? undefined : read(certFile, 'consul.certFile'),
        keyFile === undefined ? undefined : read(keyFile, 'consul.keyFile'),
      ]);
      return { ca, cert, key, servername, socketPath };
    },
    headers: async () => ({ ...(await credentials.headers()), ...basicAuth(get) }),
  };
}

function agentsOf(
  { address, caFile, certFile }: ConsulOptions,
  inEnvironment: string | undefined,
  secure: boolean,
): readonly AgentAddress[] {
  const given = address ?? inEnvironment ?? CONSUL_DEFAULTS.address;
  const list = typeof given === 'string' ? given.split(',').map((one) => one.trim()) : given;
  const read = list.map((one) => {
    const agent = readAddress(one, secure);
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

interface Credentials {
  readonly from: string | undefined;
  headers(): Promise<Record<string, string>>;
}

function credentialsOf(options: ConsulOptions, get: (name: string) => string | undefined): Credentials {
  const { token, tokenFile } = options;
  if (token !== undefined) return fixed(token, 'consul.token');
  if (tokenFile !== undefined) return inFile(tokenFile, 'consul.tokenFile');
  const file = get('CONSUL_HTTP_TOKEN_FILE');
  if (file !== undefined) return inFile(file, 'CONSUL_HTTP_TOKEN_FILE');
  const inEnvironment = get('CONSUL_HTTP_TOKEN')?.trim();
  if (inEnvironment !== undefined) return fixed(inEnvironment, 'CONSUL_HTTP_TOKEN');
  return { from: undefined, headers: async () => ({}) };
}

const fixed = (token: string, from: string): Credentials => ({
  from: `the token in ${from}`,
  headers: async () => headerOf(token, from),
});

const inFile = (path: string, option: string): Credentials => ({
  from: `the token in ${path}`,
  headers: async () => headerOf((await read(path, option)).trim(), `${option}: ${path}`),
});

function headerOf(token: string, from: string): Record<string, string> {
  // A line break in it would make a header of its own.
  if (/^[\x21-\x7e]+$/.test(token)) return { 'x-consul-token': token };
  throw new CrowflyError('bad-option', `${from} holds no token: expected one line without spaces`, {
    path: 'consul.tokenFile',
  });
}

function basicAuth(get: (name: string) => string | undefined): Record<string, string> | undefined {
  const auth = get('CONSUL_HTTP_AUTH');
  return auth === undefined ? undefined : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
}

/** As Go reads a boolean. */
function isTrue(value: string | undefined, name: string): boolean {
  if (value === undefined || value === '' || isFalse(value)) return false;
  if (/^(?:1|t|true)$/i.test(value)) return true;
  throw bad(name, 'expected true or false');
}

const isFalse = (value: string | undefined): boolean => /^(?:0|f|false)$/i.test(value ?? '');

async function read(path: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = (cause ?? {}) as { code?: unknown };
    throw new CrowflyError(
      'bad-option',
      `${option}: ${path} cannot be read (${String(code)}): correct the path`,
      { path: option, cause },
    );
  }
  if (text.length <= MAX_BYTES) return text;
  throw new CrowflyError('bad-option', `${option}: ${path} has more than ${MAX_BYTES} bytes`, {
    path: option,
  });
}

function bad(variable: string, text: string): CrowflyError {
  return new CrowflyError(
    'bad-option',
    `${variable} ${text.startsWith('is') || text.startsWith('goes') || text.startsWith('would') ? text : `in the environment: ${text}`}`,
    { path: variable },
  );
}
