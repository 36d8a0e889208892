import { setTimeout } from 'node:timers/promises';
import { Instance } from './cluster.js';
import { type Listed, ServicesFile } from './services-file.js';

/** The instances there are at any time of the run, named in the order in which they come. */
export const INSTANCES = ['orders-1', 'orders-2', 'orders-3', 'orders-4', 'orders-5'] as const;
/** Those that are there from the start; the last one comes later. */
export const FIRST = INSTANCES.slice(0, -1);
export type Name = (typeof INSTANCES)[number];

/** The instances and their registry, and all that happens to them. */
export class Stage {
  readonly file: ServicesFile;
  /** Hears in one line of everything that is done. */
  tell: (event: string) => void = () => {};
  readonly #instances: ReadonlyMap<string, Instance>;
  #listed: readonly Listed[] = [];

  private constructor(file: ServicesFile) {
    this.file = file;
    this.#instances = new Map(INSTANCES.map((name) => [name, new Instance(name)]));
  }

  /** Starts the first instances, and lists them in the file. */
  static async open(): Promise<Stage> {
    const stage = new Stage(await ServicesFile.create());
    try {
      const first = FIRST.map((name) => stage.#get(name));
      await Promise.all(first.map((instance) => instance.start()));
      await stage.#list(first);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async kill(name: Name): Promise<void> {
    await this.#get(name).kill();
    this.tell(`${name}: killed (SIGKILL); the registry is not told`);
  }

  /** On the port that it had: to the registry nothing has changed. */
  async restart(name: Name): Promise<void> {
    await this.#get(name).start();
    this.tell(`${name}: started again`);
  }

  behave(name: Name, mode: 'normal' | 'slow' | 'failing'): void {
    this.#get(name).behave(mode);
    const does = { normal: 'healthy again', slow: 'takes 2 s to answer', failing: 'answers 503 at once' };
    this.tell(`${name}: ${does[mode]}`);
  }

  async add(name: Name): Promise<void> {
    const instance = this.#get(name);
    await instance.start();
    await this.#list([...this.#listed, instance]);
    this.tell(`${name}: added to services.yaml`);
  }

  /** As a good deployment does: first the registry says it, then the instance finishes what it has and ends. */
  async drain(name: Name, noticeMs: number): Promise<void> {
    await this.#list(
      this.#listed.map((listed) => (listed.name === name ? { ...listed, draining: true } : listed)),
    );
    this.tell(`${name}: draining, says services.yaml`);
    await setTimeout(noticeMs);
    await this.#get(name).drain();
    this.tell(`${name}: has finished what it had, and stopped`);
    await this.#list(this.#listed.filter((listed) => listed.name !== name));
    this.tell(`${name}: removed from services.yaml`);
  }

  /** Idempotent, and leaves nothing behind. */
  async close(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => instance.kill()));
    await this.file.remove();
  }

  #get(name: string): Instance {
    const instance = this.#instances.get(name);
    if (instance === undefined) throw new Error(`there is no ${name}`);
    return instance;
  }

  async #list(listed: readonly Listed[]): Promise<void> {
    this.#listed = listed.map(({ name, port, draining = false }) => ({ name, port, draining }));
    await this.file.write(this.#listed);
  }
}
