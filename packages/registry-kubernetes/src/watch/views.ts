import { nextTurn } from '@crowfly/http';
import type { View } from '../service/view.js';
import type { Slice } from '../slice.js';
import type { Store } from './store.js';

/** So many endpoints are told of in one go; a service with more has a turn for itself. */
const TOLD = 1_000;

/** Who follows services of one namespace. */
export class Views {
  readonly #byService = new Map<string, Set<View>>();

  /** The services that are followed. */
  get services(): ReadonlySet<string> {
    return new Set(this.#byService.keys());
  }

  get empty(): boolean {
    return this.#byService.size === 0;
  }

  has(service: string): boolean {
    return this.#byService.has(service);
  }

  add(view: View): void {
    const { name } = view.service;
    const views = this.#byService.get(name);
    if (views === undefined) this.#byService.set(name, new Set([view]));
    else views.add(view);
  }

  delete(view: View): void {
    const { name } = view.service;
    const views = this.#byService.get(name);
    views?.delete(view);
    if (views?.size === 0) this.#byService.delete(name);
  }

  tell(service: string, slices: ReadonlyMap<string, Slice>): void {
    for (const view of [...(this.#byService.get(service) ?? [])]) view.update(slices);
  }

  /**
   * What was listed, in pieces: others have their turn in between, and a large service is prepared before it is told.
   *
   * @param store must not change meanwhile
   * @throws the signal's reason when that aborts
   */
  async tellAll(services: ReadonlySet<string>, store: Store, signal: AbortSignal): Promise<void> {
    let told = 0;
    const turn = async (): Promise<void> => {
      told = 0;
      await nextTurn();
      signal.throwIfAborted();
    };
    for (const service of services) {
      const slices = store.slices(service);
      const size = sizeOf(slices);
      if (told + size > TOLD) await turn();
      told += size;
      for (const view of [...(this.#byService.get(service) ?? [])]) {
        const prepared = size > TOLD ? await view.prepare(slices, turn) : undefined;
        if (prepared !== undefined) await turn();
        // It may have ended meanwhile.
        if (this.#byService.get(service)?.has(view)) view.update(slices, prepared);
      }
    }
  }

  refresh(): void {
    for (const view of this.#all()) view.refresh();
  }

  /** Ends them all. */
  fail(error: unknown): void {
    for (const view of this.#all()) {
      // Now, and not when whoever waits for it hears: nothing more is asked or said.
      view.end();
      view.fail(error);
    }
  }

  #all(): View[] {
    return [...this.#byService.values()].flatMap((views) => [...views]);
  }
}

function sizeOf(slices: ReadonlyMap<string, Slice>): number {
  let size = 0;
  for (const { instances } of slices.values()) size += instances.length;
  return size;
}
