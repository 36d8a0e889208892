import { lstat, readlink, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';

/** A directory whose changes may concern the file, and the names in it that matter. */
export interface WatchedDirectory {
  readonly path: string;
  /** Changes when another directory stands at the path. */
  readonly identity: string;
  readonly names: ReadonlySet<string>;
}

const MAX_LINKS = 40;

/**
 * The directories to watch for a path: its parent, and for each symbolic link on the way (`..data` of a ConfigMap, a
 * `current` release) the directory that holds the link and the one that holds its target. A directory that is missing is
 * stood in for by its nearest ancestor, where it will appear.
 */
export async function directoriesOf(path: string): Promise<readonly WatchedDirectory[]> {
  const names = new Map<string, Set<string>>();
  const visited = new Set<string>();
  const visit = async (at: string): Promise<void> => {
    if (visited.has(at) || visited.size > MAX_LINKS * 10) return;
    visited.add(at);
    let name = at;
    for (let parent = dirname(at); parent !== name; name = parent, parent = dirname(parent)) {
      const link = await linkAt(name);
      const here = name === at;
      if (here || link !== undefined) await note(names, name);
      if (link !== undefined) {
        const target = resolve(parent, link);
        await visit(here ? target : resolve(target, at.slice(name.length + 1)));
      }
    }
  };
  await visit(path);
  const directories: WatchedDirectory[] = [];
  for (const [directory, concerned] of names) {
    const identity = await identityOf(directory);
    // When the directory itself is moved or deleted, the event has its own name.
    concerned.add(basename(directory));
    if (identity !== undefined) directories.push({ path: directory, identity, names: concerned });
  }
  return directories;
}

/** Notes that what happens to `path` matters, in its nearest ancestor that exists. */
async function note(names: Map<string, Set<string>>, path: string): Promise<void> {
  let name = path;
  let directory = dirname(path);
  while ((await identityOf(directory)) === undefined && dirname(directory) !== directory) {
    name = directory;
    directory = dirname(directory);
  }
  const concerned = names.get(directory) ?? new Set();
  names.set(directory, concerned.add(basename(name)));
}

async function linkAt(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Inode numbers are used again; together with the time of birth they are not. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, birthtimeNs } = await stat(path, { bigint: true });
    return `${path}|${dev}:${ino}:${birthtimeNs}`;
  } catch {
    return undefined;
  }
}
