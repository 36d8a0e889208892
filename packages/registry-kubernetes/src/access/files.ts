import { readFile } from 'node:fs/promises';
import { CrowflyError } from '@crowfly/core';
import { type Access, splitServer } from './access.js';

/** The largest token or certificate file that is read. */
const MAX_BYTES = 1024 * 1024;

/** Credentials in files, as a pod has them: read again each time, since the kubelet replaces them. */
export function fileAccess(
  server: string,
  caFile: string | undefined,
  tokenFile: string | undefined,
): Access {
  return {
    ...splitServer(server),
    credentials: tokenFile === undefined ? 'no token' : `the token in ${tokenFile}`,
    connection: async () => (caFile === undefined ? {} : { ca: await read(caFile, 'caFile') }),
    headers: async () => {
      if (tokenFile === undefined) return {};
      const token = (await read(tokenFile, 'tokenFile')).trim();
      // A line break in it would make a header of its own.
      if (!/^[\x21-\x7e]+$/.test(token))
        throw new CrowflyError(
          'bad-option',
          `kubernetes.tokenFile: ${tokenFile} holds no bearer token: expected one line of printable characters`,
          { path: 'kubernetes.tokenFile' },
        );
      return { authorization: `Bearer ${token}` };
    },
  };
}

async function read(path: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new CrowflyError('bad-option', `kubernetes.${option}: ${path} cannot be read: correct the path`, {
      path: `kubernetes.${option}`,
      cause,
    });
  }
  if (text.length <= MAX_BYTES) return text;
  throw new CrowflyError('bad-option', `kubernetes.${option}: ${path} has more than ${MAX_BYTES} bytes`, {
    path: `kubernetes.${option}`,
  });
}
