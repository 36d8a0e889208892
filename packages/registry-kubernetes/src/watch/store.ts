import type { Parsed } from '../parse.js';
import type { Slice } from '../slice.js';

const NOTHING: ReadonlyMap<string, Slice> = new Map();

/** The slices of one namespace, by service. Slices that no event touched are the same objects. */
export class Store {
  #services = new Map<string, Map<string, Slice>>();
  /** Object name to what it brought. */
  #objects = new Map<string, Parsed>();

  slices(service: string): ReadonlyMap<string, Slice> {
    return this.#services.get(service) ?? NOTHING;
  }

  /**
   * Takes over a whole list. Nothing is kept, not even objects of the same version: after the cluster was restored from
   * a backup, one version can be two things.
   */
  replace(objects: readonly Parsed[]): void {
    this.#objects = new Map();
    this.#services = new Map();
    for (const object of objects) this.#add(object);
  }

  /** @returns the services whose slices changed */
  set(object: Parsed): readonly string[] {
    const before = this.#objects.get(object.name);
    if (before !== undefined) this.#take(before);
    this.#add(object);
    return before === undefined || before.service === object.service
      ? [object.service]
      : [before.service, object.service];
  }

  /** @returns the services whose slices changed */
  delete(name: string): readonly string[] {
    const before = this.#objects.get(name);
    if (before === undefined) return [];
    this.#take(before);
    return [before.service];
  }

  /** Forgets a service that nobody follows any more. */
  drop(service: string): void {
    for (const [name, object] of this.#objects) if (object.service === service) this.#objects.delete(name);
    this.#services.delete(service);
  }

  #add(object: Parsed): void {
    this.#objects.set(object.name, object);
    // A new map for each change: whoever compares sees that it is another one.
    const slices = new Map(this.#services.get(object.service));
    for (const slice of object.slices) slices.set(slice.name, slice);
    this.#services.set(object.service, slices);
  }

  #take(object: Parsed): void {
    this.#objects.delete(object.name);
    const slices = new Map(this.#services.get(object.service));
    for (const slice of object.slices) slices.delete(slice.name);
    if (slices.size > 0) this.#services.set(object.service, slices);
    else this.#services.delete(object.service);
  }
}
