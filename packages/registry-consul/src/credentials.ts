import { CrowflyError } from '@crowfly/core';
import { readText } from './files.js';
import type { ConsulOptions } from './options.js';

/** Reads an environment variable; one that is empty is none. */
export type Get = (name: string) => string | undefined;

/** As whom Consul is asked. */
export interface Credentials {
  /** For messages: `the token in CONSUL_HTTP_TOKEN`; `undefined`: none is sent. */
  readonly from: string | undefined;
  /** @throws CrowflyError `bad-option` for a file that holds no token */
  headers(): Promise<Record<string, string>>;
}

/** The first that is there: an option, the file in the environment, the token in it. */
export function credentialsOf({ token, tokenFile }: ConsulOptions, get: Get): Credentials {
  if (token !== undefined) return fixed(token, 'consul.token');
  if (tokenFile !== undefined) return inFile(tokenFile, 'consul.tokenFile');
  const file = get('CONSUL_HTTP_TOKEN_FILE');
  if (file !== undefined) return inFile(file, 'CONSUL_HTTP_TOKEN_FILE');
  const inEnvironment = get('CONSUL_HTTP_TOKEN')?.trim();
  if (inEnvironment !== undefined) return fixed(inEnvironment, 'CONSUL_HTTP_TOKEN');
  return { from: undefined, headers: async () => ({}) };
}

/** Of a gateway in front of Consul. */
export function basicAuth(get: Get): Record<string, string> | undefined {
  const auth = get('CONSUL_HTTP_AUTH');
  return auth === undefined ? undefined : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
}

const fixed = (token: string, from: string): Credentials => ({
  from: `the token in ${from}`,
  headers: async () => headerOf(token, from),
});

const inFile = (path: string, option: string): Credentials => ({
  from: `the token in ${path}`,
  headers: async () => headerOf((await readText(path, option)).trim(), `${option}: ${path}`),
});

function headerOf(token: string, from: string): Record<string, string> {
  // A line break in it would make a header of its own.
  if (/^[\x21-\x7e]+$/.test(token)) return { 'x-consul-token': token };
  throw new CrowflyError('bad-option', `${from} holds no token: expected one line without spaces`, {
    path: 'consul.tokenFile',
  });
}
