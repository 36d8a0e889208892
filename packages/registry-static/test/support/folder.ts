import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of a test's own. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'crowfly-file-'));
  #renames = 0;

  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  write(name: string, text: string): string {
    writeFileSync(this.at(name), text);
    return this.at(name);
  }

  /** As editors and tools do: beside the file, then in its place. */
  replace(name: string, text: string): void {
    const beside = this.at(`.${name}.${this.#renames++}`);
    writeFileSync(beside, text);
    renameSync(beside, this.at(name));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A file with one service, `orders`, on these ports of one host. */
export function orders(...ports: number[]): string {
  return `services:\n  orders:${ports.length === 0 ? ' []' : ''}\n${ports.map((port) => `    - a:${port}\n`).join('')}`;
}
