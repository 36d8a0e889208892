import { type FileHandle, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 2_000;
/** A holder that did not say for this long that it is alive has died. */
const STALE_MS = 20_000;
const LOOK_MS = 250;

/**
 * Runs `action` while no other process does, on this machine and for this path. Not more than a courtesy: what `action`
 * produces must be put in place by a rename.
 *
 * @param waiting called once when somebody else holds the lock
 */
export async function withLock<T>(path: string, waiting: () => void, action: () => Promise<T>): Promise<T> {
  let said = false;
  let file = await tryLock(path);
  while (file === undefined) {
    if (!said) waiting();
    said = true;
    await sleep(LOOK_MS);
    file = await tryLock(path);
  }
  const beat = setInterval(() => void touch(path), BEAT_MS);
  beat.unref();
  try {
    return await action();
  } finally {
    clearInterval(beat);
    await file.close();
    await rm(path, { force: true });
  }
}

async function tryLock(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const held = await stat(path).catch(() => undefined);
  if (held !== undefined && Date.now() - held.mtimeMs > STALE_MS) {
    // By a rename, so that of several who saw the same dead holder only one clears it away.
    const grave = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`;
    await rename(path, grave).catch(() => undefined);
    await rm(grave, { force: true });
  }
  return undefined;
}

async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => undefined);
}
