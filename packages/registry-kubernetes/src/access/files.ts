import { readFile } from 'node:fs/promises';
import { CrowflyError } from '@crowfly/core';
import { type Access, splitServer } from './access.js';

/** The largest token or certificate file that is read. */
const MAX_BYTES = 1024 * 1024;

/** What the files are called in messages: the user may have named them, or not. */
export type FileNames = { readonly caFile: string; readonly tokenFile: string };

const OPTIONS: FileNames = { caFile: 'kubernetes.caFile', tokenFile: 'kubernetes.tokenFile' };

/** Credentials in files, as a pod has them: read again each time, since the kubelet replaces them. */
export function fileAccess(
  server: string,
  caFile: string | undefined,
  tokenFile: string | undefined,
  names = OPTIONS,
): Access {
  return {
    ...splitServer(server),
    credentials: tokenFile === undefined ? undefined : `the token in ${tokenFile}`,
    connection: async () => (caFile === undefined ? {} : { ca: await read(caFile, names.caFile) }),
    headers: async () => {
      if (tokenFile === undefined) return {};
      const token = (await read(tokenFile, names.tokenFile)).trim();
      // A line break in it would make a header of its own.
      if (/^[\x21-\x7e]+$/.test(token)) return { authorization: `Bearer ${token}` };
      throw bad(
        names.tokenFile,
        `${tokenFile} holds no bearer token: expected one line of printable characters`,
      );
    },
  };
}

async function read(path: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = (cause ?? {}) as { code?: unknown };
    const mended = option === 'kubernetes' ? 'is it mounted into this pod?' : 'correct the path';
    throw bad(option, `${path} cannot be read (${String(code)}): ${mended}`, cause);
  }
  if (text.length <= MAX_BYTES) return text;
  throw bad(option, `${path} has more than ${MAX_BYTES} bytes`);
}

function bad(path: string, text: string, cause?: unknown): CrowflyError {
  return new CrowflyError('bad-option', `${path}: ${text}`, { path, cause });
}
