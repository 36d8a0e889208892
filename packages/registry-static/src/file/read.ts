import { open, stat } from 'node:fs/promises';
import { CrowflyError } from '@crowfly/core';

const FIXES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file: create it, or correct the path',
  ENOTDIR: 'a part of the path is no directory: correct the path',
  EACCES: 'this process may not read it: change its permissions or those of its directory',
  EPERM: 'this process may not read it: change its permissions or those of its directory',
  ELOOP: 'its symbolic links form a loop',
  EISDIR: 'it is a directory: name the file in it',
};

/** A write may be going on while we read; after this many tries the writer never stops. */
const TRIES = 5;

/**
 * The whole file as it was at one moment, as far as a file can tell.
 *
 * @throws CrowflyError `bad-data` naming the absolute path
 */
export async function readWhole(path: string, maxBytes: number): Promise<Buffer> {
  try {
    for (let tries = 1; ; tries++) {
      const { bytes, changed } = await readOnce(path, maxBytes);
      if (!changed || tries === TRIES) return bytes;
    }
  } catch (error) {
    if (error instanceof CrowflyError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    throw new CrowflyError('bad-data', `${path}: ${FIXES[code] ?? `it cannot be read (${code})`}`, {
      cause: error,
    });
  }
}

async function readOnce(path: string, maxBytes: number): Promise<{ bytes: Buffer; changed: boolean }> {
  const bad = (what: string): CrowflyError => new CrowflyError('bad-data', `${path}: ${what}`);
  // Before it is opened: opening a pipe would wait for its writer.
  const kind = await stat(path);
  if (kind.isDirectory()) throw bad(`${FIXES.EISDIR}`);
  if (!kind.isFile()) throw bad('it is no regular file');
  const file = await open(path);
  try {
    const before = await file.stat({ bigint: true });
    const tooLarge = `it has more than ${maxBytes} bytes: raise maxBytes if that is right`;
    if (before.size > BigInt(maxBytes)) throw bad(tooLarge);
    const bytes = await file.readFile();
    if (bytes.length > maxBytes) throw bad(tooLarge);
    const after = await file.stat({ bigint: true });
    const changed = after.mtimeNs !== before.mtimeNs || after.size !== before.size;
    return { bytes, changed: changed || BigInt(bytes.length) !== after.size };
  } finally {
    await file.close();
  }
}

/** @throws CrowflyError `bad-data` when it is not UTF-8 */
export function decodeUtf8(bytes: Buffer, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CrowflyError('bad-data', `${path}: it is not UTF-8 text: save it as UTF-8`);
  }
}
