import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A folder of files for one test. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'crowfly-kubernetes-'));

  /** Written as the kubelet does it: a reader sees the old content or the new one. @returns its path */
  write(name: string, content: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, content);
    renameSync(`${path}.new`, path);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
