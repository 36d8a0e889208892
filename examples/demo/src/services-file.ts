import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An instance as the file lists it. */
export interface Listed {
  readonly name: string;
  readonly port: number;
  readonly draining?: boolean;
}

/** The registry of the demo: a services.yaml, replaced as a whole by a rename, so that nobody reads half of it. */
export class ServicesFile {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'services.yaml');
  }

  static async create(): Promise<ServicesFile> {
    return new ServicesFile(await mkdtemp(join(tmpdir(), 'crowfly-demo-')));
  }

  async write(instances: readonly Listed[]): Promise<void> {
    const lines = instances.map(({ name, port, draining }) => {
      const state = draining ? ', state: draining' : '';
      return `    - { id: ${name}, host: 127.0.0.1, port: ${port}${state} }\n`;
    });
    const next = `${this.path}.next`;
    await writeFile(next, `services:\n  orders:\n${lines.join('')}`);
    await rename(next, this.path);
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
