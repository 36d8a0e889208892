import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CrowflyError } from '@crowfly/core';

/** The largest token or certificate file that is read. */
const MAX_BYTES = 1024 * 1024;
/** So many files of a folder are looked at. */
const MAX_FILES = 1_000;

/**
 * A file that may be replaced while the process runs.
 *
 * @param option what names it, for messages
 * @throws CrowflyError `bad-option`
 */
export async function readText(path: string, option: string): Promise<string> {
  const text = await tried(path, option, readFile(path, 'utf8'));
  if (text.length <= MAX_BYTES) return text;
  throw bad(option, `${path} has more than ${MAX_BYTES} bytes`);
}

/**
 * Every certificate in a folder and those below, as Consul's own tools take `CONSUL_CAPATH`.
 *
 * @throws CrowflyError `bad-option`, also when there is none
 */
export async function readCertificates(folder: string, option: string): Promise<readonly string[]> {
  const found = await tried(folder, option, readdir(folder, { recursive: true, withFileTypes: true }));
  // What a secret's folder shows are links to files.
  const paths = found.flatMap((entry) => (entry.isDirectory() ? [] : [join(entry.parentPath, entry.name)]));
  if (paths.length > MAX_FILES) throw bad(option, `${folder} has more than ${MAX_FILES} files`);
  const texts = await Promise.all(paths.sort().map((path) => readFile(path, 'utf8').catch(() => '')));
  const certificates = texts.filter(
    (text) => text.length <= MAX_BYTES && text.includes('-----BEGIN CERTIFICATE-----'),
  );
  if (certificates.length > 0) return certificates;
  throw bad(option, `${folder} holds no certificate in PEM format`);
}

async function tried<T>(path: string, option: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    const { code } = (cause ?? {}) as { code?: unknown };
    throw bad(option, `${path} cannot be read (${String(code)}): correct the path`, cause);
  }
}

function bad(option: string, text: string, cause?: unknown): CrowflyError {
  return new CrowflyError('bad-option', `${option}: ${text}`, { path: option, cause });
}
