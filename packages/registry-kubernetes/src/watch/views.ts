import type { View } from '../service/view.js';
import type { Slice } from '../slice.js';

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
